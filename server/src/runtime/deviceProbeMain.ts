/** Entry point of the child process of devices.ts: computes on one device and prints how fast, or why not. */
import type { Device, ProbeResult } from "./devices";
import { gemmPeak } from "./gemmPeak";

const device = process.argv[2] as Device;
let result: ProbeResult;
try {
  const { gflops } = await gemmPeak({ device, repeats: 3, cpuFallback: false });
  result = { gflops };
} catch (error) {
  result = { error: error instanceof Error ? error.message.replace(/\s+/g, " ").slice(0, 500) : String(error) };
}
// Leaves without unloading drivers, some of which crash when they are.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
