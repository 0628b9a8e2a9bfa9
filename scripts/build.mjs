/** Bundles the command line, the worker entry points and the web views into dist/ with esbuild. Native packages stay outside. */
import { readdirSync } from "node:fs";
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
    // CommonJS packages inside an ES module bundle need `require`.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
}

/** `import code from "worker:./x.ts"`: a worker of a web view, bundled to text. A web view may load scripts from memory only. */
const inlineWorkers = {
  name: "inline-workers",
  setup(builder) {
    builder.onResolve({ filter: /^worker:/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.slice("worker:".length)),
      namespace: "inline-worker",
    }));
    builder.onLoad({ filter: /.*/, namespace: "inline-worker" }, async ({ path }) => {
      const { outputFiles } = await build({ ...webviewOptions, entryPoints: [path], write: false });
      return { contents: `export const code = ${JSON.stringify(outputFiles[0].text)};` };
    });
  },
};

const webviewOptions = {
  bundle: true,
  format: "iife",
  platform: "browser",
  target: "chrome122",
  minify: true,
  logLevel: "warning",
};

/** dist/webview: one script for each panel, and the style sheet with its font. */
export async function bundleWebviews() {
  const source = join(root, "webview-ui/src");
  await build({
    ...webviewOptions,
    entryPoints: [
      { in: join(source, "apps/inspector/main.ts"), out: "inspector" },
      { in: join(source, "apps/dashboard/main.ts"), out: "dashboard" },
      { in: join(source, "style/webview.css"), out: "webview" },
    ],
    outdir: join(root, "dist/webview"),
    assetNames: "[name]",
    loader: { ".ttf": "file" },
    plugins: [inlineWorkers],
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await Promise.all([bundle(), bundleWebviews()]);
