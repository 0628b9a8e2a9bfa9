/** `worker:` imports: the text of a bundled worker. scripts/build.mjs makes them. */
declare module "worker:*" {
  export const code: string;
}
