/**
 * A checkpoint that can compute: its description, its tokenizer and pictures' processor, the weights that live in memory (an adapter, or what
 * is being trained) and its sessions, made when first needed. All programs of one model read the same memory, so an optimiser
 * step is seen by the next generated token without a copy; on a device that keeps tensors that memory is the device's, and only
 * batches and small results travel. Lives in the thread that computes; dispose it there.
 */
import {
  type AdapterSpec,
  adapterParameters,
  adapterSpec,
  initialAdapter,
  savedModules,
  type StoredAdapter,
} from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { isPacked } from "@iad-r1/models/checkpoint/parameterTable";
import { ConfigError } from "@iad-r1/models/errors";
import { emit } from "@iad-r1/models/graph/emit";
import { numElements } from "@iad-r1/models/graph/dims";
import { serialize } from "@iad-r1/models/graph/serialize";
import { ropeTableLength, ropeTables } from "@iad-r1/models/nn/rope";
import { isLanguagePath } from "@iad-r1/models/nn/decoder";
import type { Processor } from "@iad-r1/models/processor";
import type { Program, WeightOptions } from "@iad-r1/models/programs/program";
import { escapeRegExp } from "@iad-r1/models/util/escapeRegExp";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import type { ModelReference } from "@iad-r1/protocol/runs";
import { attentionLimit } from "../runtime/attentionCheck";
import type { Device } from "../runtime/devices";
import { createSession, type Session } from "../runtime/session";
import { openTensorMemory, type TensorMemory } from "../runtime/tensorMemory";
import { TensorPool } from "../runtime/tensorPool";
import { type AnyTensor, scalar, type StateTensor, type Tensor, tensor, zeros } from "../runtime/tensors";
import { inspecting, preparesFloats, type WeightUse } from "./footprint";
import { refuseIfWeightsDoNotFit } from "./weightLimits";

/** What is held in memory to be changed; "none" for a model that is only asked. */
export type LiveWeights =
  | { kind: "none" }
  /** A LoRA adapter: the one of the reference, or a new one made from `lora`. */
  | {
      kind: "adapter";
      /** `saves`: modules that learn in full beside the matrices, by the last part of their name. */
      lora: { r: number; alpha: number; targets: readonly string[]; saves?: readonly string[] };
      seed: number;
    }
  | { kind: "language-model" }
  | { kind: "all" };

export interface LiveModelOptions {
  device?: Device;
  /** 0 or left out: one per core. */
  threads?: number;
  weights?: LiveWeights;
  /** What it is opened for beside learning `weights`; left out: to write, and no reference is asked. */
  work?: Pick<WeightUse, "writes" | "refers">;
}

/** A compiled program with the weights it is fed. */
export interface CompiledProgram {
  session: Session;
  /** Weights (and `adapter_scale` where there is an adapter), by input name. */
  weights: Readonly<Record<string, AnyTensor>>;
  /** Paths of its trainable parameters. */
  trainable: readonly string[];
}

interface ProgramOptions {
  prepack?: boolean;
  isFolded?: boolean;
  scope: "vision" | "language" | "both";
}

export class LiveModel {
  /** Weights in memory by path, float32. Frozen weights that a program wants as inputs come in when first needed. */
  readonly live = new Map<string, StateTensor>();
  /** Where these weights are, and caches and moments beside them. */
  readonly memory: TensorMemory;
  private readonly compiled = new Map<string, Promise<CompiledProgram>>();
  /** Rises when the weights of the vision side change under those who keep its features. */
  visionVersion = 0;
  private readonly adapterOn = scalar("float32", 1);
  private readonly pool: TensorPool;
  private rope: { rope_cos: StateTensor; rope_sin: StateTensor; length: number } | null = null;

  private constructor(
    public reference: Readonly<ModelReference>,
    public description: Readonly<ModelDescription>,
    readonly processor: Processor,
    /** Structure of the adapter in use, from its folder or new; null without one. */
    public adapter: AdapterSpec | null,
    readonly weights: LiveWeights,
    private readonly options: LiveModelOptions,
  ) {
    this.memory = openTensorMemory(options.device ?? "cpu");
    this.pool = new TensorPool(description.facts.numParameters);
  }

  /**
   * Opens a checkpoint with its adapter.
   *
   * @throws ModelFileError for anything wrong with the files
   * @throws ConfigError `train/adapter` when full weights shall be trained on top of an adapter that is not merged
   */
  static async open(reference: ModelReference, options: LiveModelOptions = {}): Promise<LiveModel> {
    const weights = options.weights ?? { kind: "none" };
    const description = await loadModelDescription(
      reference.base,
      reference.adapter === null ? {} : { adapter: reference.adapter },
    );
    const learns = weights.kind === "none" ? "nothing" : weights.kind;
    refuseIfWeightsDoNotFit(description, { ...inspecting, ...options.work, learns });
    const processor = await description.loadProcessor();
    let adapter: AdapterSpec | null = description.adapter;
    if (weights.kind === "adapter" && adapter === null) {
      const { r, alpha, targets, saves = [] } = weights.lora;
      const config = createLoraConfig({
        rank: r,
        alpha,
        targetModules: languageTargets(targets),
        modulesToSave: savedModules(saves, description.base, description.paths).modules,
        baseModel: reference.base,
      });
      adapter = adapterSpec(config, description.base);
    }
    if (isPacked(description.parameters) && weights.kind !== "none" && weights.kind !== "adapter") {
      throw new ConfigError("train/packed", `The weights of ${reference.base} are rounded and stay as they are.`, {
        hint: "Train an adapter on them (`trainable: lora`), or take the checkpoint that they were made from.",
        where: reference.base,
      });
    }
    if (adapter !== null && weights.kind !== "none" && weights.kind !== "adapter") {
      throw new ConfigError(
        "train/adapter",
        `Training "${weights.kind}" needs a model without an adapter, got ${reference.adapter}.`,
        { hint: "Merge the adapter into its base first, or train with `trainable: lora`." },
      );
    }
    const model = new LiveModel(reference, description, processor, adapter, weights, options);
    if (description.adapter !== null) {
      for (const [path, value] of await readMatrices(description.adapter)) {
        model.live.set(path, await model.memory.place(value));
      }
    } else if (adapter !== null && weights.kind === "adapter") {
      const start = initialAdapter(adapter.layout, description.base.shapes, weights.seed);
      for (const { path, shape } of adapterParameters(adapter.layout, description.base.shapes)) {
        model.live.set(path, await model.memory.place(tensor("float32", start.get(path)!, shape)));
      }
    }
    return model;
  }

  /**
   * Puts another adapter on the loaded base, or none: the base's weights stay where they are, and so do the programs when both
   * adapters have matrices of the same sizes. Only for a model that is not being trained.
   *
   * @throws ModelFileError when the adapter does not fit; the one before stays
   */
  async switchAdapter(folder: string | null): Promise<void> {
    if (this.reference.adapter === folder) return;
    if (this.weights.kind !== "none") {
      throw new ConfigError("train/adapter", "The adapter of a model in training cannot be exchanged.", {
        hint: "Stop the run first.",
      });
    }
    const description = await this.description.withAdapter(folder);
    const matrices = description.adapter === null ? [] : await readMatrices(description.adapter);
    const before = this.description.adapter;
    const after = description.adapter;
    for (const path of [...(before?.tensors.keys() ?? []), ...(before?.replaced.keys() ?? [])]) this.forget(path);
    // A parameter of the base that the new adapter replaces would be found in memory otherwise.
    for (const path of after?.replaced.keys() ?? []) this.forget(path);
    for (const [path, value] of matrices) this.live.set(path, await this.memory.place(value));
    const { decoder } = description.paths;
    const changed = [before, after].flatMap((one) =>
      one === null ? [] : [...one.layout.keys(), ...one.replaced.keys()],
    );
    if (changed.some((path) => !path.startsWith(`${decoder}.`))) this.visionVersion += 1;
    this.description = description;
    this.adapter = after;
    this.reference = { ...this.reference, adapter: folder };
    const saves = (one: StoredAdapter | null) => one !== null && one.replaced.size > 0;
    // Parameters saved in full are constants of the programs.
    const isSame = layoutKey(before) === layoutKey(after) && !saves(before) && !saves(after);
    const programs = [...this.compiled];
    this.compiled.clear();
    for (const [key, program] of programs) {
      if (isSame) {
        const bound = program.then((one) => this.bind(one));
        bound.catch(() => this.compiled.delete(key));
        this.compiled.set(key, bound);
      } else await program.then(({ session }) => session.dispose()).catch(() => undefined);
    }
  }

  private forget(path: string): void {
    const known = this.live.get(path);
    if (known !== undefined) this.memory.release(known);
    this.live.delete(path);
  }

  /** A compiled program with the weights that are valid now. */
  private async bind(program: CompiledProgram): Promise<CompiledProgram> {
    const weights: Record<string, AnyTensor> = {};
    for (const [name, value] of Object.entries(program.weights)) {
      // The scale of adapters, and what stands for no pictures, are no weights.
      const isWeight = this.live.has(name) || this.description.parameters.has(name);
      weights[name] = isWeight ? await this.weight(name) : value;
    }
    return { ...program, weights };
  }

  /** Tokens of a prompt that its device may be given at a time. */
  promptLimit(): Promise<number> {
    return attentionLimit(this.options.device ?? "cpu");
  }

  /** Ids that end a completion. */
  get eosIds(): ReadonlySet<number> {
    return new Set(this.description.generation.eosTokenIds);
  }

  /**
   * Where weights are prepacked, prompts with pictures, prompts without and steps share one session, as each would keep a prepacked copy
   * of all weights. Of a small model a second copy costs nothing, and its steps are a tenth faster without inputs for pictures.
   */
  get hasOneDecoder(): boolean {
    if (this.isPacked) return this.memory.isHost;
    const { kind } = this.weights;
    const isSmall = 4 * this.description.facts.numParameters < 2 ** 28;
    return (kind === "none" || kind === "adapter") && this.preparesFloats && !isSmall;
  }

  /** Packed weights in memory of this process must be prepacked: without it their product takes twelve times as long. */
  get hasPackedWeights(): boolean {
    return this.isPacked && this.memory.isHost;
  }

  private get preparesFloats(): boolean {
    return this.memory.isHost && preparesFloats(this.description);
  }

  /** Has the checkpoint weights in 4 or 8 bits? Their product is written for a layout that prepacking makes. */
  private get isPacked(): boolean {
    return isPacked(this.description.parameters);
  }

  private get isHalfPrecision(): boolean {
    return [...this.description.parameters.values()].some(({ dtype }) => dtype !== "float32");
  }

  /**
   * Compiles a program once.
   *
   * @param key  names the program and its options
   * @param make builds it with the weight placement that this model needs
   * @param prepack  worth its memory for weights that never change: products of few rows take half the time
   * @param isFolded worth its memory beside packed weights: what the graph computes from constants is computed when it is loaded. A tenth
   *   faster for a token; for the tower it is a copy in single precision that saves a second of widening for each picture
   */
  program(
    key: string,
    make: (weights: WeightOptions) => Program,
    options: ProgramOptions = { scope: "language" },
  ): Promise<CompiledProgram> {
    let compiled = this.compiled.get(key);
    if (compiled === undefined) {
      compiled = this.compile(key, make, options);
      this.compiled.set(key, compiled);
      // A failed program is tried again when it is asked for again.
      compiled.catch(() => this.compiled.delete(key));
    }
    return compiled;
  }

  /**
   * Parameters of decoder and head that learn in full beside an adapter: those that it was made to save. What an adapter saves of the
   * vision side stays as it is.
   */
  get saved(): ReadonlySet<string> {
    if (this.weights.kind !== "adapter" || this.adapter === null) return new Set();
    const { base, paths } = this.description;
    const names = this.adapter.config.modulesToSave;
    const stored = this.description.adapter;
    if (stored === null) return new Set(savedModules(names, base, paths).parameters);
    return new Set([...stored.replaced.keys()].filter((path) => isLanguagePath(paths, path)));
  }

  private async compile(
    key: string,
    make: (weights: WeightOptions) => Program,
    { prepack = false, isFolded = false, scope }: ProgramOptions,
  ): Promise<CompiledProgram> {
    const { kind } = this.weights;
    const isChanged = kind === "all" || (kind === "language-model" && scope !== "vision");
    const prepares = prepack && (this.isPacked ? scope !== "vision" : this.preparesFloats && !isChanged);
    // Half-precision weights would be widened once for every session that has them as constants; in memory they are widened once.
    // What is prepared is a copy anyway, of what the session widens itself. Beside packed weights little is left to widen, and the
    // embedding is looked up as it lies in its file.
    const widens = this.isHalfPrecision && !this.isPacked && !prepares;
    // On a device constants would be there once for every session; what is fed is there once.
    const fed = isChanged || widens || !this.memory.isHost;
    const program = make({
      weights: fed ? "inputs" : "files",
      adapter: this.adapter?.layout ?? null,
      saved: this.saved,
    });
    const device = this.options.device ?? "cpu";
    const model = serialize(emit(program.graph, { target: device === "cpu" ? "fused" : "primitive" }));
    const session = await createSession(model, {
      device,
      name: key,
      prepack: prepares,
      optimization: isFolded || !this.hasPackedWeights ? "all" : "none",
      ...(this.options.threads ? { threads: this.options.threads } : {}),
    });
    const weights: Record<string, AnyTensor> = {};
    for (const { path } of program.parameters) weights[path] = await this.weight(path);
    const takes = (input: string) => session.inputs.some(({ name }) => name === input);
    if (takes("adapter_scale")) weights.adapter_scale = this.adapterOn;
    if (this.hasOneDecoder && takes("image_features")) {
      // What there is to see where nothing else is fed.
      weights.image_features = zeros("float32", [0, this.description.facts.decoder.width]);
      weights.image_positions = zeros("int64", [0, 1]);
    }
    const trainable = program.parameters.filter((parameter) => parameter.trainable).map(({ path }) => path);
    return { session, weights, trainable };
  }

  /** A weight in memory, read from the checkpoint when first asked for. */
  async weight(path: string): Promise<StateTensor> {
    const known = this.live.get(path);
    if (known !== undefined) return known;
    const stored = this.description.parameters.get(path);
    if (stored === undefined) throw new ConfigError("train/parameter", `The model has no parameter ${path}.`);
    // What goes on to a device is not kept here.
    const room = this.memory.isHost ? this.pool.room(path, numElements(stored.shape)) : undefined;
    const placed = await this.memory.place(tensor("float32", await stored.read(room), stored.shape));
    this.live.set(path, placed);
    return placed;
  }

  /**
   * Rotary tables with at least `length` rows; made once for a length and shared by all programs. With `extra` places, these come
   * behind exactly `ropeTableLength(length)` rows.
   */
  async ropeTables(
    length: number,
    extra: readonly number[] = [],
  ): Promise<{ rope_cos: StateTensor; rope_sin: StateTensor }> {
    const { decoder } = this.description.facts;
    const make = (rows: number, places: readonly number[]) => {
      const tables = ropeTables(decoder, rows, places);
      const dims = [tables.length, decoder.headDim / 2];
      return { rope_cos: tensor("float32", tables.cos, dims), rope_sin: tensor("float32", tables.sin, dims) };
    };
    const size = ropeTableLength(length);
    if (extra.length > 0) return make(size, extra);
    if (this.rope === null || this.rope.length < length) {
      const { rope_cos, rope_sin } = make(size, []);
      if (this.rope !== null) for (const table of [this.rope.rope_cos, this.rope.rope_sin]) this.memory.release(table);
      this.rope = {
        rope_cos: await this.memory.place(rope_cos),
        rope_sin: await this.memory.place(rope_sin),
        length: size,
      };
    }
    const { rope_cos, rope_sin } = this.rope;
    return { rope_cos, rope_sin };
  }

  /** Copies of weights, for a reference model or a best checkpoint. */
  async snapshot(paths: readonly string[]): Promise<Map<string, StateTensor>> {
    const copies = new Map<string, StateTensor>();
    for (const path of paths) copies.set(path, await this.memory.copy(this.live.get(path)!));
    return copies;
  }

  async dispose(): Promise<void> {
    const all = [...this.compiled.values()];
    this.compiled.clear();
    for (const one of all) await one.then(({ session }) => session.dispose()).catch(() => undefined);
    for (const path of [...this.live.keys()]) this.forget(path);
    this.pool.clear();
    await this.memory.dispose();
  }
}

async function readMatrices({ tensors }: StoredAdapter): Promise<[string, Tensor<"float32">][]> {
  const matrices: [string, Tensor<"float32">][] = [];
  for (const [path, stored] of tensors) {
    matrices.push([path, tensor("float32", await stored.read(), stored.shape)]);
  }
  return matrices;
}

/** Equal for adapters that compile to the same programs. */
function layoutKey(adapter: StoredAdapter | null): string {
  return JSON.stringify([...(adapter?.layout ?? [])]);
}

/**
 * PEFT's target pattern for modules of the language model by the last part of their name. Names alone would also hit the
 * vision tower, which has projections of the same names.
 */
export function languageTargets(names: readonly string[]): string {
  return `^(?:.*\\.)?language_model\\..*\\.(?:${names.map(escapeRegExp).join("|")})$`;
}
