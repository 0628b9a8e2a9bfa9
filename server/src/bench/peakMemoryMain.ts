/** The process of `peakMemory.ts`: takes one job, trains, answers with its own peak and ends. */
import type { MemoryJob } from "./peakMemory";
import { TrainingStep } from "./trainingStep";

process.once("message", (message) => {
  void train(message as MemoryJob);
});

async function train({ folder, ids, prompt, steps, threads }: MemoryJob): Promise<void> {
  const step = await TrainingStep.open(folder, { trainable: "lora", threads });
  for (let i = 0; i < steps; i++) await step.run([ids], prompt);
  process.send!(process.resourceUsage().maxRSS * 1024, () => process.exit(0));
}
