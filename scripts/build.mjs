/**
 * Bundles everything into dist/ with esbuild: the command line, the server and its workers, the extension, and the web views. Native
 * packages stay outside.
 */
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

/**
 * @param outdir   where the bundles go
 * @param isForPackage smaller and without source maps
 * @returns what went into the bundles, as esbuild's metafiles
 */
export async function bundle({ outdir = join(root, "dist"), isForPackage = false } = {}) {
  const common = {
    bundle: true,
    platform: "node",
    target: "node20",
    minify: isForPackage,
    // Names stay, so that the stack of an error says where it happened.
    keepNames: isForPackage,
    sourcemap: !isForPackage,
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  };
  return [
    await bundleServer(outdir, common),
    await bundleExtension(outdir, common),
    await bundleWebviews({ outdir: join(outdir, "webview") }),
  ];
}

/** VS Code loads extensions as CommonJS. */
async function bundleExtension(outdir, common) {
  const { metafile } = await build({
    ...common,
    entryPoints: { extension: join(root, "client/src/extension.ts") },
    outdir,
    outExtension: { ".js": ".cjs" },
    format: "cjs",
    external: ["vscode", "bufferutil", "utf-8-validate"],
  });
  return metafile;
}

async function bundleServer(outdir, common) {
  const entries = entryPoints(join(root, "server/src")).map((path) => {
    const name = basename(path, ".ts");
    const parent = basename(join(path, ".."));
    return { in: path, out: name === "main" && parent !== "src" ? parent : name };
  });
  const { metafile } = await build({
    ...common,
    entryPoints: entries,
    outdir,
    outExtension: { ".js": ".mjs" },
    splitting: true,
    format: "esm",
    external: ["onnxruntime-node", "sharp"],
    define: { __VERSION__: JSON.stringify(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version) },
    // CommonJS packages inside an ES module bundle need `require`.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });
  return metafile;
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
  legalComments: "none",
  logLevel: "warning",
};

/**
 * One script for each panel, and the style sheet with its font.
 *
 * @returns esbuild's metafile
 */
export async function bundleWebviews({ outdir = join(root, "dist", "webview") } = {}) {
  const source = join(root, "webview-ui/src");
  const { metafile } = await build({
    ...webviewOptions,
    entryPoints: [
      { in: join(source, "apps/inspector/main.ts"), out: "inspector" },
      { in: join(source, "apps/dashboard/main.ts"), out: "dashboard" },
      { in: join(source, "apps/explorer/main.ts"), out: "explorer" },
      { in: join(source, "style/webview.css"), out: "webview" },
    ],
    outdir,
    assetNames: "[name]",
    loader: { ".ttf": "file" },
    metafile: true,
    plugins: [inlineWorkers],
  });
  return metafile;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
