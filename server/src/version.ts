/** The version of package.json, put in at build time. */
declare const __VERSION__: string | undefined;

export const version = typeof __VERSION__ === "string" ? __VERSION__ : "0.0.0-dev";
