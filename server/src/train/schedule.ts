/**
 * The learning rate over the steps of a stage, as transformers' schedulers give it: warm-up from 0 (the first step of a warm-up
 * has rate 0), then a half cosine, a straight line, or a constant. Pure functions of the step.
 *
 * @see transformers `get_cosine_schedule_with_warmup`, `get_linear_schedule_with_warmup`, `get_constant_schedule_with_warmup`
 */

export interface Schedule {
  learningRate: number;
  schedule: "cosine" | "linear" | "constant";
  warmupSteps: number;
  totalSteps: number;
}

/** The rate of an optimiser step; `step` counts from 0. */
export function learningRateAt(step: number, { learningRate, schedule, warmupSteps, totalSteps }: Schedule): number {
  if (step < warmupSteps) return (learningRate * step) / Math.max(1, warmupSteps);
  const rest = Math.max(1, totalSteps - warmupSteps);
  switch (schedule) {
    case "constant":
      return learningRate;
    case "linear":
      return learningRate * Math.max(0, (totalSteps - step) / rest);
    case "cosine":
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / rest)));
  }
}
