/** The commands by the files that hold them, in the order of the help. */
import type { Command } from "commander";

export interface CommandFamily {
  /** Names of its commands on the first level. */
  names: readonly string[];
  /** Loads what they need, and gives what adds them to a program. */
  load: () => Promise<(program: Command) => void>;
}

const families: readonly CommandFamily[] = [
  { names: ["demo"], load: async () => (await import("./commands/demo")).registerDemo },
  { names: ["doctor", "diagnostics"], load: async () => (await import("./commands/doctor")).registerDoctor },
  { names: ["project"], load: async () => (await import("./commands/project")).registerProjectCommands },
  { names: ["inspect"], load: async () => (await import("./commands/inspect")).registerInspect },
  { names: ["train", "post-train"], load: async () => (await import("./commands/train")).registerTrainCommands },
  { names: ["eval", "verify"], load: async () => (await import("./commands/model")).registerModelCommands },
  { names: ["models", "quantize"], load: async () => (await import("./commands/models")).registerModelsCommands },
  { names: ["reward"], load: async () => (await import("./commands/reward")).registerRewardCommands },
  { names: ["rollouts"], load: async () => (await import("./commands/rollouts")).registerRolloutCommands },
  { names: ["data"], load: async () => (await import("./commands/data")).registerDataCommands },
  { names: ["runs"], load: async () => (await import("./commands/runs")).registerRunCommands },
  { names: ["serve"], load: async () => (await import("./commands/serve")).registerServe },
  { names: ["bench"], load: async () => (await import("./commands/bench")).registerBench },
  { names: ["estimate"], load: async () => (await import("./commands/estimate")).registerEstimate },
];

/** The family of a command; all, as help needs them, for any other word. All together take three quarters of a second to load. */
export function familiesOf(name: string | undefined): readonly CommandFamily[] {
  const family = families.find(({ names }) => names.some((one) => one === name));
  return family === undefined ? families : [family];
}
