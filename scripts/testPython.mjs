/**
 * Runs the tests that compare with the original Python libraries; makes their environment first when it is missing. The product
 * itself never uses Python.
 */
import { ensurePython } from "./pythonEnv.mjs";
import { runVitest } from "./runVitest.mjs";

try {
  await ensurePython();
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
// Nothing here may look for models on the network.
const offline = { HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false" };
process.exit(runVitest("test-python", ["--config", "vitest.python.config.ts", ...process.argv.slice(2)], offline));
