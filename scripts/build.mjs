/** Bundles the command line and the worker entry points into dist/ with esbuild. Native packages stay outside. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Entry points are found by name: `main.ts`, `…Main.ts` and `…Worker.ts` each start a process or a thread. */
function entryPoints(folder) {
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...entryPoints(path));
    else if (/(^main|Main|Worker)\.ts$/.test(entry.name)) found.push(path);
  }
  return found;
}

export async function bundle() {
  const entries = entryPoints(join(root, "server/src")).map((path) => {
    const name = basename(path, ".ts");
    const parent = basename(join(path, ".."));
    return { in: path, out: name === "main" && parent !== "src" ? parent : name };
  });
  await build({
    entryPoints: entries,
    outdir: join(root, "dist"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: true,
    logLevel: "warning",
    external: ["onnxruntime-node", "sharp"],
    define: { __VERSION__: JSON.stringify(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version) },
    // CommonJS packages inside an ES module bundle need `require`.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
