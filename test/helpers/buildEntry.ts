/** Bundles a TypeScript entry point of a thread or process, which Node cannot start from source. */
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");

/**
 * @param source path from the root of the project
 * @returns path of a file that `new Worker` and `fork` can start
 */
export async function buildEntry(source: string): Promise<string> {
  // Below the project, so that native packages are found.
  const folder = join(root, ".cache", "test-entries");
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${basename(source, ".ts")}.mjs`);
  await build({
    entryPoints: [join(root, source)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["onnxruntime-node", "sharp"],
    // CommonJS packages inside an ES module bundle need `require`.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
  return outfile;
}
