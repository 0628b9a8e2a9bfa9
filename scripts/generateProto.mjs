/**
 * Regenerates the checked-in protobuf code (`*.gen.ts`) from the `.proto` files beside it. Not part of set-up: run it by
 * hand after a `.proto` file changed. The generator needs Node 22 or newer, so a private copy of Node comes with it.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Schemas of formats that others own; each `<name>.proto` gives `<name>.gen.ts` in the same folder. */
const schemas = ["models/src/graph/proto/onnx.proto"];
const tools = {
  "@bufbuild/buf": "1.50.0",
  "@bufbuild/protobuf": "2.17.0",
  "@bufbuild/protoc-gen-es": "2.17.0",
  [`node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`]: "24",
};

const work = join(root, ".cache", "generateProto");
mkdirSync(join(work, "proto"), { recursive: true });
writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, dependencies: tools }));
execFileSync("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: work, stdio: "inherit" });
writeFileSync(join(work, "buf.yaml"), JSON.stringify({ version: "v2", modules: [{ path: "proto" }] }));
const plugin = ["node_modules/.bin/node", "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es"];
const generation = { version: "v2", plugins: [{ local: plugin, out: "out", opt: ["target=ts"] }] };
writeFileSync(join(work, "buf.gen.yaml"), JSON.stringify(generation));
for (const schema of schemas) copyFileSync(join(root, schema), join(work, "proto", basename(schema)));
execFileSync(join(work, "node_modules", ".bin", "buf"), ["generate"], { cwd: work, stdio: "inherit" });
for (const schema of schemas) {
  const name = basename(schema, ".proto");
  copyFileSync(join(work, "out", `${name}_pb.ts`), join(root, dirname(schema), `${name}.gen.ts`));
}
