/**
 * Mean, standard deviation and advantage: the arithmetic that training and the reward debugger share, so that a number in
 * a hover is the number that moved the policy. Plain float64; sums run from left to right.
 */

/** "sample" divides by n − 1 (as the reference, TRL and our trainer do), "population" by n. */
export type DeviationKind = "sample" | "population";

/** Added to a standard deviation before dividing by it, as in the reference and in TRL. */
export const deviationFloor = 1e-4;

/** NaN for no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** NaN for one value of kind "sample", and for none. */
export function deviation(values: readonly number[], kind: DeviationKind = "sample"): number {
  const center = mean(values);
  const divisor = kind === "sample" ? values.length - 1 : values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / divisor);
}

/** (r − μ) / (σ + 1e-4) of one completion; NaN when σ is. */
export function advantageOf(reward: number, center: number, spread: number, floor = deviationFloor): number {
  return (reward - center) / (spread + floor);
}

/** Σ (x − x̄)(y − ȳ) / n. */
export function covariance(xs: readonly number[], ys: readonly number[]): number {
  const [centerX, centerY] = [mean(xs), mean(ys)];
  return xs.reduce((sum, x, i) => sum + (x - centerX) * (ys[i]! - centerY), 0) / xs.length;
}
