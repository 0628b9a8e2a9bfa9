/** The process of `coldStart.ts`: opens a checkpoint, reads a prompt, and tells its processor time when the first token is known. */
import type { ColdStartJob } from "./coldStart";
import { DecoderRun } from "./decoderRun";

const { folder, ids, threads } = JSON.parse(process.argv.at(-1)!) as ColdStartJob;
const decoder = await DecoderRun.open(folder, threads);
await decoder.run([ids], 0);
const { user, system } = process.cpuUsage();
process.stdout.write(`${JSON.stringify({ seconds: (user + system) / 1e6 })}\n`, () => process.exit(0));
