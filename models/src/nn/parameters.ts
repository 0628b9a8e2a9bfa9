/**
 * Where the weights of a network come from while its graph is built: each parameter becomes a constant that stays in the
 * checkpoint's own file, or a graph input named by its path. Adapter matrices are always inputs. Nothing is read here.
 */
import type { ParameterTable, StoredParameter } from "../checkpoint/parameterTable";
import { GraphError } from "../errors";
import type { GraphBuilder } from "../graph/builder";
import type { Value } from "../graph/types";

/** Low-rank adapters to be built into the network: module path to rank and scaling (alpha / r). */
export type AdapterLayout = ReadonlyMap<string, { rank: number; scaling: number }>;

export interface ParameterPlan {
  table: ParameterTable;
  /** Which parameters are graph inputs; the others are constants. Adapter matrices and new parameters are inputs anyway. */
  isInput: (path: string) => boolean;
  adapter: AdapterLayout | null;
  /** Whether the network is of whole sequences, which have many rows to each weight. */
  wholeSequences?: boolean;
  /** Products with packed weights: with the activations as they are, or rounded to 8 bits, which is faster. */
  activations?: "float32" | "int8";
  /** Packed weights are unpacked for each product: twice as fast as a product with those that are not prepared. */
  unpacks?: boolean;
}

/** Elements of a weight that an adapter may change in place of its product. */
const mostFolded = 1 << 18;

/** A parameter that the host feeds: a graph input of that name, float32. */
export interface ParameterInput {
  path: string;
  shape: readonly number[];
}

/** Low-rank matrices of one linear: y += scale * (x A^T) B^T with A [r, in], B [out, r] and a scalar scale. */
export interface LowRank {
  a: Value;
  b: Value;
  scale: Value;
}

/** A packed weight in the graph: constants that stay in their file. */
interface PackedConstants {
  values: Value;
  scales: Value;
  zeroPoints: Value;
}

/** The graph under construction and the weights it reads; what every block of nn/ takes first. */
export class Network {
  private readonly values = new Map<string, Value>();
  /** Weights in their file, as they are stored. */
  private readonly constants = new Map<string, Value>();
  private readonly packed = new Map<string, PackedConstants>();
  private readonly scales = new Map<number, Value>();
  private readonly fed = new Map<string, { input: ParameterInput; value: Value }>();
  private adapterScale: Value | null = null;
  /** Scopes whose insides may be computed again instead of kept while training: the layers of towers and decoders. */
  readonly blocks: string[] = [];
  /** Scopes whose insides are computed again in any training: elementwise and wide, they cost more to keep. */
  readonly lightBlocks: string[] = [];

  constructor(
    readonly b: GraphBuilder,
    private readonly plan: ParameterPlan,
  ) {}

  /** Parameters that became graph inputs so far, in the order of their first use. */
  get inputs(): readonly { input: ParameterInput; value: Value }[] {
    return [...this.fed.values()];
  }

  /** Runs `build` inside the scope `path` and notes it as a block of the network. */
  block<T>(path: string, build: () => T): T {
    this.blocks.push(path);
    return this.b.scope(path, build);
  }

  /** Runs `build` inside the scope `<path>.<name>`, where `path` is the scope that is open, and notes it as one that is cheap to compute again. */
  lightBlock<T>(path: string, name: string, build: () => T): T {
    this.lightBlocks.push(`${path}.${name}`);
    return this.b.scope(name, build);
  }

  /**
   * A weight as float32, the same value at every call.
   *
   * @throws GraphError `graph/parameter` when the checkpoint has it with another shape or not at all: the table was checked
   *   against the configuration before, so this is a fault of the network's description
   */
  parameter(path: string, shape: readonly number[]): Value {
    const known = this.values.get(path);
    if (known !== undefined) return known;
    const stored = this.plan.table.get(path);
    if (stored === undefined || stored.shape.join() !== shape.join()) {
      const found = stored === undefined ? "no such tensor" : `[${stored.shape.join(", ")}]`;
      throw new GraphError("graph/parameter", `Parameter ${path} must be [${shape.join(", ")}], got ${found}.`);
    }
    if (this.plan.isInput(path)) return this.newParameter(path, shape);
    const value =
      stored.packed === undefined
        ? this.b.cast(this.storedConstant(path, stored), "float32")
        : this.unpacked(this.packedConstants(path, stored), stored.packed.blockSize);
    this.values.set(path, value);
    return value;
  }

  /** x [..,in] -> [..,out] by the weight `path` [out,in], in whatever form the checkpoint has it, and a bias [out]. */
  product(x: Value, path: string, shape: readonly [number, number], bias: Value | null): Value {
    const stored = this.plan.table.get(path);
    const isFloat = this.plan.unpacks === true || this.plan.isInput(path);
    if (isFloat || stored?.packed === undefined || stored.shape.join() !== shape.join()) {
      return this.b.linear(x, this.parameter(path, shape), bias);
    }
    const { values, scales, zeroPoints } = this.packedConstants(path, stored);
    const product = this.b.quantizedLinear(x, values, scales, zeroPoints, {
      block_size: stored.packed.blockSize,
      accuracy_level: this.plan.activations === "int8" ? 4 : 0,
    });
    return bias === null ? product : this.b.add(product, bias);
  }

  private packedConstants(path: string, { packed, shape }: StoredParameter): PackedConstants {
    const known = this.packed.get(path);
    if (known !== undefined) return known;
    const { bits, blockSize, values, scales, zeroPoints } = packed!;
    const dtype = bits === 4 ? "uint4" : "uint8";
    const blocks = [shape[0]!, shape[1]! / blockSize];
    const constants = {
      values: this.b.external(path, dtype, shape, values),
      scales: this.b.external(`${path}.scales`, "float32", blocks, scales),
      zeroPoints: this.b.external(`${path}.zero_points`, dtype, blocks, zeroPoints),
    };
    this.packed.set(path, constants);
    return constants;
  }

  private unpacked({ values, scales, zeroPoints }: PackedConstants, blockSize: number): Value {
    return this.b.dequantizeLinear(values, scales, zeroPoints, { axis: 1, block_size: blockSize });
  }

  /** Rows of a table [rows, C] as float32: [..] indices -> [.., C]. A table in half precision is widened row by row. */
  lookUp(path: string, shape: readonly number[], indices: Value): Value {
    const stored = this.plan.table.get(path);
    if (stored === undefined || stored.dtype === "float32" || this.plan.isInput(path)) {
      return this.b.gather(this.parameter(path, shape), indices);
    }
    return this.b.cast(this.b.gather(this.storedConstant(path, stored), indices), "float32");
  }

  private storedConstant(path: string, { dtype, shape, file, offset, length }: StoredParameter): Value {
    let value = this.constants.get(path);
    if (value === undefined) {
      value = this.b.external(path, dtype, shape, { file, offset, length });
      this.constants.set(path, value);
    }
    return value;
  }

  /** A parameter that is in no checkpoint, such as an adapter matrix or an auxiliary head: always a graph input. */
  newParameter(path: string, shape: readonly number[]): Value {
    const known = this.values.get(path);
    if (known !== undefined) return known;
    const value = this.b.input(path, "float32", shape);
    this.values.set(path, value);
    this.fed.set(path, { input: { path, shape }, value });
    return value;
  }

  /**
   * Whether the adapter of a weight [out,in] shall change the weight itself: many rows, weights in floats, and few of them, as the
   * changed ones take memory and two passes. Then a hundred rows or two make up for it.
   */
  foldsAdapter(path: string, shape: readonly [number, number]): boolean {
    const isPacked = this.plan.table.get(path)?.packed !== undefined && !this.plan.isInput(path);
    return this.plan.wholeSequences === true && !isPacked && shape[0] * shape[1] <= mostFolded;
  }

  /** The adapter of a linear, or null. The scalar input `adapter_scale` (1 on, 0 off) multiplies its scaling. */
  lowRank(path: string, inWidth: number, outWidth: number): LowRank | null {
    const target = this.plan.adapter?.get(path);
    if (target === undefined) return null;
    this.adapterScale ??= this.b.input("adapter_scale", "float32", []);
    let scale = this.scales.get(target.scaling);
    if (scale === undefined) {
      const on = this.adapterScale;
      scale = this.b.inScope("", () => this.b.mul(on, target.scaling));
      this.scales.set(target.scaling, scale);
    }
    return {
      a: this.newParameter(`${path}.lora_A.weight`, [target.rank, inWidth]),
      b: this.newParameter(`${path}.lora_B.weight`, [outWidth, target.rank]),
      scale,
    };
  }
}
