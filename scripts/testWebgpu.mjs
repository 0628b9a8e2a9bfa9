/** Runs the tests on a graphics device; where there is none, on one in software. */
import { runVitest } from "./runVitest.mjs";
import { vulkanEnvironment } from "./vulkan.mjs";

try {
  const env = vulkanEnvironment();
  process.exitCode = runVitest("test-webgpu", ["--config", "vitest.webgpu.config.ts", ...process.argv.slice(2)], env);
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
