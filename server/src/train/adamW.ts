/**
 * AdamW over tensors, in place where they are. Small tensors are one graph; large ones in memory of this process go through it in pieces,
 * so that its dozen passes over a piece find it in the processor's cache and its temporary memory stays small; on a device all are
 * one graph. Knows nothing of schedules.
 */
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import {
  clearGradientsProgram,
  clippedAdamWScalars,
  gradientNormProgram,
  optimizerProgram,
} from "@iad-r1/models/programs/optimizer";
import { numElements } from "@iad-r1/models/graph/dims";
import { createSession, type Session, type SessionOptions } from "../runtime/session";
import { type AnyTensor, isOnDevice, scalar, type StateTensor, type Tensor, tensor, zeros } from "../runtime/tensors";

/** Settings of AdamW that stay the same during a run. */
export interface AdamWSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Gradients are scaled down to this global norm; Infinity never scales. */
  maxGradNorm: number;
  /** Which weights decay; all when left out. */
  decays?: (path: string) => boolean;
  /** Weights that have no gradient in some steps, and then stay as they are; none when left out. */
  idles?: (path: string) => boolean;
}

/** Weights that decay in both stages: all but biases and norms, as with transformers' Trainer, which trained the published models. */
export function decaysInTraining(path: string): boolean {
  return !/\.bias$|norm|\.ln_q\./.test(path);
}

/** Which step it is, 1 for the first: of the weights that learn in every step, and of those that `idles` tells. */
export interface StepNumbers {
  always: number;
  /** Null where they idle. */
  idling: number | null;
}

/** A weight with its gradient and moments: four tensors of one shape, in one memory. */
export interface OptimizerSlot<T extends StateTensor = Tensor<"float32">> {
  path: string;
  weight: T;
  gradient: T;
  m: T;
  v: T;
}

type AnySlot = OptimizerSlot<StateTensor>;

/** Elements of a piece. Measured: 3.2 ns an element, 4.1 at a quarter of it, 5.3 for 16 million in one. */
const pieceSize = 1 << 18;

type Feeds = Record<string, AnyTensor>;

/** Weights that are always stepped together: small ones in one graph, large ones in pieces. */
interface Group {
  small: { session: Session; feeds: Feeds } | null;
  large: { session: Session; pieces: readonly { feeds: Feeds; decays: boolean }[] } | null;
}

export class AdamW {
  private constructor(
    private readonly norm: Session,
    private readonly gradients: Readonly<Record<string, StateTensor>>,
    /** For gradients that are not in memory of this process. */
    private readonly clear: Session | null,
    private readonly groups: Readonly<Record<keyof StepNumbers, Group>>,
    private readonly settings: AdamWSettings,
  ) {}

  static async create(
    slots: readonly AnySlot[],
    settings: AdamWSettings,
    options: SessionOptions = {},
  ): Promise<AdamW> {
    const target = options.device === undefined || options.device === "cpu" ? "fused" : "primitive";
    const compile = ({ graph }: { graph: Graph }) =>
      createSession(serialize(emit(graph, { target })), { ...options, name: graph.name, optimization: "none" });
    const decays = settings.decays ?? (() => true);
    const idles = settings.idles ?? (() => false);
    const shapes = (some: readonly AnySlot[]) => some.map(({ path, weight }) => ({ path, shape: weight.dims }));
    const group = async (members: readonly AnySlot[]): Promise<Group> => {
      const [small, large] = [false, true].map((isLarge) =>
        members.filter(({ weight }) => (!isOnDevice(weight) && weight.data.length > pieceSize) === isLarge),
      ) as [AnySlot[], AnySlot[]];
      const pieces = large.flatMap((slot) =>
        cut(slot).map((piece) => ({ feeds: feedsOf("piece", piece), decays: decays(slot.path) })),
      );
      const piece = [{ path: "piece", shape: ["N"] }];
      return {
        small:
          small.length === 0
            ? null
            : {
                session: await compile(optimizerProgram(shapes(small), { decays, clip: "given" })),
                feeds: Object.assign({}, ...small.map((slot) => feedsOf(slot.path, slot))) as Feeds,
              },
        large:
          pieces.length === 0 ? null : { session: await compile(optimizerProgram(piece, { clip: "given" })), pieces },
      };
    };
    return new AdamW(
      await compile(gradientNormProgram(shapes(slots))),
      Object.fromEntries(slots.map(({ path, gradient }) => [`grad.${path}`, gradient])),
      slots.some(({ gradient }) => isOnDevice(gradient)) ? await compile(clearGradientsProgram(shapes(slots))) : null,
      {
        always: await group(slots.filter(({ path }) => !idles(path))),
        idling: await group(slots.filter(({ path }) => idles(path))),
      },
      settings,
    );
  }

  /**
   * Changes weights and moments; gradients stay as they are.
   *
   * @returns the global norm of the gradients before clipping
   */
  async step(steps: StepNumbers, learningRate: number): Promise<number> {
    const norm = zeros("float32", []);
    await this.norm.run(this.gradients, { grad_norm: norm });
    for (const name of ["always", "idling"] as const) {
      const step = steps[name];
      if (step !== null) await this.update(this.groups[name], step, learningRate, norm.data[0]!);
    }
    return norm.data[0]!;
  }

  /** Sets the gradients to zero. */
  async clearGradients(): Promise<void> {
    if (this.clear !== null) await this.clear.run({ ...this.gradients, keep_gradient: scalar("float32", 0) }, {});
    else for (const gradient of Object.values(this.gradients)) if (!isOnDevice(gradient)) gradient.data.fill(0);
  }

  private async update({ small, large }: Group, step: number, learningRate: number, norm: number): Promise<void> {
    const at = { ...this.settings, step, learningRate };
    const scalars: Feeds = {};
    for (const [name, value] of Object.entries(clippedAdamWScalars(at, norm))) {
      scalars[name] = scalar("float32", value);
    }
    if (small !== null) await small.session.run({ ...small.feeds, ...scalars }, {});
    const withoutDecay = { ...scalars, keep_weight: scalar("float32", 1) };
    for (const { feeds, decays } of large?.pieces ?? []) {
      await large!.session.run({ ...feeds, ...(decays ? scalars : withoutDecay) }, {});
    }
  }

  async dispose(): Promise<void> {
    await this.norm.dispose();
    await this.clear?.dispose();
    for (const { small, large } of Object.values(this.groups)) {
      await small?.session.dispose();
      await large?.session.dispose();
    }
  }
}

/** Views of at most `pieceSize` elements over the memory of a slot. */
function cut({ path, ...tensors }: AnySlot): AnySlot[] {
  const total = numElements(tensors.weight.dims);
  return Array.from({ length: Math.ceil(total / pieceSize) }, (_, i): AnySlot => {
    const view = (whole: StateTensor) => {
      const part = (whole as Tensor<"float32">).data.subarray(i * pieceSize, (i + 1) * pieceSize);
      return tensor("float32", part, [part.length]);
    };
    const { weight, gradient, m, v } = tensors;
    return { path, weight: view(weight), gradient: view(gradient), m: view(m), v: view(v) };
  });
}

function feedsOf(name: string, { weight, gradient, m, v }: AnySlot): Feeds {
  return { [name]: weight, [`grad.${name}`]: gradient, [`m.${name}`]: m, [`v.${name}`]: v };
}
