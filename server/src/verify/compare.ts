/** Comparing what this engine computes with recorded numbers: the tolerances, and one line of the report per quantity. */

/** |ours - recorded| may be `abs` + `rel` * |recorded|. */
export interface Tolerance {
  abs: number;
  rel: number;
}

/** One line of the report. */
export interface VerifyCheck {
  /** The quantity, such as "logits" or "full_finetuning.loss". */
  name: string;
  /** Which recorded case, such as "a" or "train". */
  case: string;
  /** Largest difference, absolute and relative to the recorded value; for exact quantities the number of differing elements. */
  maxAbs: number;
  maxRel: number;
  tolerance: Tolerance;
  ok: boolean;
  /** Where the largest difference is, or why nothing could be compared. */
  note?: string;
}

/** What float32 arithmetic in another order may change; rounding alone moves these quantities by a twentieth of it or less. */
export const tolerances = {
  pixelValues: { abs: 2e-6, rel: 0 },
  imageFeatures: { abs: 2e-4, rel: 1e-4 },
  logits: { abs: 5e-4, rel: 1e-4 },
  logProbs: { abs: 5e-4, rel: 1e-4 },
  loss: { abs: 5e-5, rel: 0 },
  gradientNorm: { abs: 0, rel: 1e-3 },
  trajectoryLoss: { abs: 0, rel: 1e-3 },
  trajectoryGradientNorm: { abs: 0, rel: 3e-3 },
  finalNorm: { abs: 0, rel: 1e-4 },
  exact: { abs: 0, rel: 0 },
} satisfies Record<string, Tolerance>;

/** Elements of a gradient: 1e-4 of the tensor's largest element, and 1e-3 of their own size. */
export function gradientElements(largest: number): Tolerance {
  return { abs: 1e-4 * largest, rel: 1e-3 };
}

/**
 * A gradient below this share of the whole gradient's norm is zero as far as float32 can tell. Some are zero in exact arithmetic,
 * such as that of a bias on the keys of bidirectional attention, and the record holds the rounding of another machine.
 */
export const roundingShare = 2 ** -23;

/** Collects the differences of one quantity over any number of tensors into one line. */
export class Comparison {
  private maxAbs = 0;
  private maxRel = 0;
  /** The largest share of its tolerance that any element used up, and where. */
  private worst = 0;
  private worstAt = "";
  private count = 0;
  private problem: string | undefined;

  constructor(
    private readonly name: string,
    private readonly caseName: string,
    /** For the report; `add` may be given another one per tensor. */
    private readonly tolerance: Tolerance,
  ) {}

  /** @param label what the values belong to, for the note */
  add(ours: ArrayLike<number>, recorded: ArrayLike<number>, label = "", tolerance = this.tolerance): this {
    if (ours.length !== recorded.length) {
      return this.fail(`${label === "" ? "" : `${label}: `}${ours.length} values instead of ${recorded.length}`);
    }
    for (let i = 0; i < recorded.length; i++) this.addOne(ours[i]!, recorded[i]!, label, tolerance);
    return this;
  }

  /** Counts the places where two lists differ; a different length counts as one more. */
  addExact<T>(ours: ArrayLike<T>, recorded: ArrayLike<T>, label = ""): this {
    let different = ours.length === recorded.length ? 0 : 1;
    for (let i = 0; i < Math.min(ours.length, recorded.length); i++) if (ours[i] !== recorded[i]) different++;
    this.count++;
    this.maxAbs = Math.max(this.maxAbs, different);
    if (different > 0) this.note(Number.POSITIVE_INFINITY, `${different} of ${recorded.length} differ`, label);
    return this;
  }

  /** Makes the line a failure with a reason. */
  fail(problem: string): this {
    this.problem ??= problem;
    return this;
  }

  check(): VerifyCheck {
    const problem = this.problem ?? (this.count === 0 ? "nothing was compared" : undefined);
    const note = problem ?? (this.worstAt === "" ? undefined : this.worstAt);
    return {
      name: this.name,
      case: this.caseName,
      maxAbs: this.maxAbs,
      maxRel: this.maxRel,
      tolerance: this.tolerance,
      ok: problem === undefined && this.worst <= 1,
      ...(note === undefined ? {} : { note }),
    };
  }

  private addOne(ours: number, recorded: number, label: string, tolerance: Tolerance): void {
    const difference = Math.abs(ours - recorded);
    this.count++;
    // NaN must not pass: it compares false with everything.
    if (!Number.isFinite(difference)) {
      this.fail(`${label === "" ? "" : `${label}: `}${ours} instead of ${recorded}`);
      return;
    }
    const size = Math.abs(recorded);
    if (difference > this.maxAbs) this.maxAbs = difference;
    if (size > 0 && difference / size > this.maxRel) this.maxRel = difference / size;
    if (difference === 0) return;
    const allowed = tolerance.abs + tolerance.rel * size;
    this.note(allowed === 0 ? Number.POSITIVE_INFINITY : difference / allowed, label);
  }

  private note(share: number, ...where: string[]): void {
    if (share <= this.worst) return;
    this.worst = share;
    this.worstAt = where.filter((part) => part !== "").join(" ");
  }
}

export function norm(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

export function largest(values: Float32Array): number {
  let result = 0;
  for (const value of values) result = Math.max(result, Math.abs(value));
  return result;
}
