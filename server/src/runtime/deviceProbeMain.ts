/** Entry point of the child process of devices.ts: computes on one device and prints how fast, or why not. */
import { attentionLimit } from "./attentionCheck";
import type { Device, ProbeResult } from "./devices";
import { deviceSpeed } from "./deviceSpeed";
import { gemmPeak } from "./gemmPeak";
import { firstTouchSeconds } from "./pages";
import { openTensorMemory } from "./tensorMemory";

const device = process.argv[2] as Device;
const touchSeconds = process.argv[3] === "touches" ? firstTouchSeconds() : undefined;
let result: ProbeResult;
try {
  const options = { device, repeats: 3, cpuFallback: false };
  // A graphics driver in software takes minutes for large products; a small one tells.
  let speed: { gflops: number; startSeconds?: number } = await gemmPeak({ ...options, size: 256 });
  const isSlow = speed.gflops < 2;
  if (!openTensorMemory(device).isHost) speed = await deviceSpeed(device, isSlow ? 256 : 1024);
  else if (!isSlow) speed = await gemmPeak(options);
  const { gflops, startSeconds } = speed;
  const limit = await attentionLimit(device);
  result = {
    gflops,
    ...(startSeconds !== undefined && { startSeconds }),
    ...(touchSeconds !== undefined && { touchSeconds }),
    ...(Number.isFinite(limit) && { attentionTokens: limit }),
  };
} catch (error) {
  result = { error: error instanceof Error ? error.message.replace(/\s+/g, " ").slice(0, 500) : String(error) };
}
// Leaves without unloading drivers, some of which crash when they are.
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
