/**
 * Writes the generated part of `client/package.json` and the `package.nls*.json` files from `client/src/contributions.ts`. Run it after
 * that file changed; a test says when it was forgotten.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const client = fileURLToPath(new URL("../client", import.meta.url));
const { outputFiles } = await build({
  ...{ entryPoints: [join(client, "src/manifest.ts")], bundle: true, format: "esm", write: false, platform: "node" },
});
const { buildManifest } = await import(
  `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
);
const { fields, english, chinese } = buildManifest();
const file = join(client, "package.json");
const written = JSON.parse(readFileSync(file, "utf8"));
write(file, { ...written, ...fields });
write(join(client, "package.nls.json"), english);
write(join(client, "package.nls.zh-cn.json"), chinese);

function write(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
