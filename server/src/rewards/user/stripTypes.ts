/** The one user of sucrase: TypeScript without its types, on the same lines, so that stacks and breakpoints still fit. */
import { RewardError } from "@iad-r1/models/errors";
import { transform } from "sucrase";

/** @throws RewardError `reward/load` for what cannot be read */
export function stripTypes(code: string, file: string): string {
  try {
    return transform(code, { transforms: ["typescript"], disableESTransforms: true, filePath: file }).code;
  } catch (cause) {
    const { message: raw, loc } = cause as Error & { loc?: { line: number } };
    // Sucrase puts the file before what it says; so do we.
    const message = raw.replace(`Error transforming ${file}: `, "");
    throw new RewardError("reward/load", `${file} cannot be read as TypeScript: ${message}`, {
      ...{ where: loc === undefined ? file : `${file}:${loc.line}`, cause, data: { line: loc?.line ?? null } },
      hint: "Correct the line; the editor marks it too.",
    });
  }
}
