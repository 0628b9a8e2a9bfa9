/**
 * Runs the tests on a graphics device; where there is none, on one in software. `--all` adds a second class of models, which takes
 * a minute more in software. Where no device can be had, that is said and nothing has failed.
 */
import { runVitest } from "./runVitest.mjs";
import { vulkanEnvironment } from "./vulkan.mjs";

const args = process.argv.slice(2);
const all = args.includes("--all");
const env = vulkanDevice();
if (env === null) console.log("0 passed, 0 failed");
else {
  process.exitCode = runVitest(
    "test-webgpu",
    ["--config", "vitest.webgpu.config.ts", ...args.filter((arg) => arg !== "--all")],
    { ...env, ...(all && { IADR1_WEBGPU_ALL: "1" }) },
  );
}

/** Variables that make a device visible, or null after saying why there is none. */
function vulkanDevice() {
  try {
    return vulkanEnvironment();
  } catch (error) {
    console.log("SKIPPED, no test of WebGPU was run: this machine has no Vulkan device and cannot get one.");
    console.log(error.message.trim());
    return null;
  }
}
