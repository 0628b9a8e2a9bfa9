/** The one user of sucrase: TypeScript without its types, on the same lines, so that stacks and breakpoints still fit. */
import { RewardError } from "@iad-r1/models/errors";
import { type Options, transform } from "sucrase";

/** @throws RewardError `reward/load` for what cannot be read */
export function stripTypes(code: string, file: string): string {
  return strip(code, file).code;
}

/** With where each piece stood, as a source map says it (version 3, `mappings`); lines are the same, columns are not. */
export function stripTypesMapped(code: string, file: string): { code: string; mappings: string } {
  return strip(code, file, { sourceMapOptions: { compiledFilename: file } });
}

function strip(code: string, file: string, options: Pick<Options, "sourceMapOptions"> = {}) {
  try {
    const made = transform(code, {
      ...{ transforms: ["typescript"], disableESTransforms: true, filePath: file },
      ...options,
    });
    return { code: made.code, mappings: made.sourceMap?.mappings ?? "" };
  } catch (cause) {
    const { message, loc } = cause as Error & { loc?: { line: number } };
    throw new RewardError("reward/load", `${file} cannot be read as TypeScript: ${message}`, {
      ...{ where: loc === undefined ? file : `${file}:${loc.line}`, cause, data: { line: loc?.line ?? null } },
      hint: "Correct the line; the editor marks it too.",
    });
  }
}
