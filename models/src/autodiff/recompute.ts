/**
 * Activation checkpointing: gradient rules of a block read copies of its forward nodes, so that the activations inside
 * it need not live until then; only what enters the block does.
 *
 * The copies must not run early, nor be merged with the originals by the runtime's search for common subexpressions.
 * So what they read passes a Reshape whose target is computed from the shape of the gradient that enters the block:
 * a true dependency that copies nothing and changes no number.
 *
 * Products with packed weights are computed again with unpacked ones, which the gradient rule reads as well. ONNX Runtime gives every
 * reader of a DequantizeLinear one of its own and would unpack twice; behind a Reshape there is one reader. Prepared weights, which only
 * the forward product reads, are then there once.
 */
import type { GraphBuilder } from "../graph/builder";
import type { Node, OperatorAttributes, Value } from "../graph/types";
import { unpackedLinear } from "../ops/quantized";
import type { Once } from "./broadcast";

/** The block of a node: the longest of `scopes` that contains its scope. */
export function blockOf(node: Node, scopes: readonly string[]): string | undefined {
  return scopes
    .filter((scope) => node.scope === scope || node.scope.startsWith(`${scope}.`))
    .reduce<string | undefined>(
      (best, scope) => (best === undefined || scope.length > best.length ? scope : best),
      undefined,
    );
}

/** A scalar has no extent to depend on, and ONNX Runtime reshapes no 4-bit integers. */
function canBeHeld(value: Value | null): boolean {
  return value !== null && value.shape.length > 0 && value.dtype !== "int4" && value.dtype !== "uint4";
}

export class RecomputedBlock {
  private readonly copies = new Map<Value, Value>();
  private readonly guarded = new Map<Value, Value>();
  private readonly shared = new Map<string, Value>();
  private readonly zero: Value;

  /** @param gradient the first gradient that reaches the block in the backward walk */
  constructor(
    private readonly b: GraphBuilder,
    private readonly members: ReadonlySet<Node>,
    private readonly scope: string,
    gradient: Value,
  ) {
    this.zero = b.inScope(this.scope, () => {
      const tensor = gradient.shape.length === 0 ? b.reshape(gradient, [1]) : gradient;
      return b.mul(b.shape(tensor, 0, 1), 0);
    });
  }

  /** What a gradient rule of the block reads instead of `value`. */
  read(value: Value): Value {
    const node = value.producer;
    if (node === null || !this.members.has(node)) return value;
    const known = this.copies.get(value);
    if (known !== undefined) return known;
    const outputs = this.computedAgain(node);
    for (const [i, original] of node.outputs.entries()) {
      const copy = outputs[i];
      if (original !== null && copy !== null && copy !== undefined) this.copies.set(original, copy);
    }
    return this.copies.get(value)!;
  }

  private computedAgain(node: Node): (Value | null)[] {
    const { b, scope } = this;
    const inputs = this.copiedInputs(node);
    if (node.opType !== "QuantizedLinear") return b.copy(node, inputs, scope);
    const attributes = node.attributes as OperatorAttributes["QuantizedLinear"];
    return [b.inScope(scope, () => unpackedLinear(b, inputs as Value[], attributes, this.once))];
  }

  /** A value that copies and gradient rules of the block share: whoever comes first makes it, and it lives until the last has read it. */
  readonly once: Once = (key, make) => {
    let value = this.shared.get(key);
    if (value === undefined) {
      value = this.guard(this.b.inScope(this.scope, make));
      this.shared.set(key, value);
    }
    return value;
  };

  private copiedInputs(node: Node): (Value | null)[] {
    const isMember = (value: Value | null) => value?.producer != null && this.members.has(value.producer);
    const isActivation = (value: Value | null) => value?.producer != null;
    // A node that reads weights only (a Cast, a DequantizeLinear) is held back by its first tensor that Reshape can take.
    const held = node.inputs.some(isActivation) ? undefined : node.inputs.find(canBeHeld);
    return node.inputs.map((value) => {
      if (value === null) return null;
      if (isMember(value)) return this.read(value);
      return isActivation(value) || value === held ? this.guard(value) : value;
    });
  }

  private guard(value: Value): Value {
    // Tensors that describe shapes must stay known.
    if (!canBeHeld(value) || value.content !== undefined) return value;
    let result = this.guarded.get(value);
    if (result === undefined) {
      const { b } = this;
      const { dtype, shape } = value;
      result = b.inScope(this.scope, () => {
        const target = b.add(b.int64s(shape.map((dim) => (typeof dim === "number" ? dim : 0))), this.zero);
        return b.apply("Reshape", [value, target], {}, [{ dtype, shape }])[0]!;
      });
      this.guarded.set(value, result);
    }
    return result;
  }
}
