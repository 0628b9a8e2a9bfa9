/** ONNX Runtime is told not to send anything before it is loaded, in a way that the native library sees. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { loadOrt } from "@iad-r1/server/runtime/ort";
import { expect, it } from "vitest";

const variable = "ORT_DISABLE_TELEMETRY";

it("sets the variable, in the environment that native code and child processes see", async () => {
  await loadOrt();
  const printed = execFileSync(process.execPath, ["-p", `process.env.${variable}`], { encoding: "utf8" });
  expect(printed.trim()).toBe("1");
});

it("uses the name that the installed library looks for", () => {
  const folder = join(dirname(createRequire(import.meta.url).resolve("onnxruntime-node")), "../bin/napi-v6");
  const libraries = readdirSync(join(folder, process.platform, process.arch)).filter((name) =>
    /^(lib)?onnxruntime\.(so|\d|dll|dylib)/.test(name),
  );
  expect(libraries.length).toBeGreaterThan(0);
  for (const name of libraries) {
    const bytes = readFileSync(join(folder, process.platform, process.arch, name));
    // The builds for Windows have no uploader.
    expect(bytes.includes(variable) || !bytes.includes("OneCollector"), name).toBe(true);
  }
});
