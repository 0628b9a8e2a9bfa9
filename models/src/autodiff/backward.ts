/**
 * Reverse-mode differentiation as a walk over the graph: every gradient is made of graph nodes again.
 * The rules of the operators are in ops/; broadcasting is undone here, once, for all of them.
 */
import { GraphError } from "../errors";
import type { GraphBuilder } from "../graph/builder";
import { sameShape } from "../graph/dims";
import { formatType, isFloat } from "../graph/shapes";
import type { Node, Value } from "../graph/types";
import type { Contribution, GradientContext, GradientRule } from "../ops/operator";
import { operators } from "../ops/table";
import { type Once, sumToShape } from "./broadcast";
import { blockOf, RecomputedBlock } from "./recompute";

export interface GradientOptions {
  /** Scopes (such as "language_model.layers.0") whose activations are computed again instead of kept. */
  readonly recompute?: readonly string[];
  /** Per entry of `wrt` a tensor of its shape to which the gradient is added, or null: gradient accumulation. */
  readonly accumulate?: readonly (Value | null)[];
}

/**
 * Adds the nodes that compute the gradient of `loss` with respect to each of `wrt`, and returns the gradients: of the
 * same type as the value, or null where the loss does not depend on it.
 *
 * @param loss a float scalar of `b`
 * @throws GraphError `graph/loss` when the loss is no scalar, `graph/no-gradient` when an operator on the way has no rule
 */
export function gradients(
  b: GraphBuilder,
  loss: Value,
  wrt: readonly Value[],
  options: GradientOptions = {},
): (Value | null)[] {
  if (loss.shape.length !== 0 || !isFloat(loss.dtype)) {
    throw new GraphError("graph/loss", `A loss must be one float number, got ${formatType(loss)} (${loss.name}).`);
  }
  return new BackwardWalk(b, loss, wrt, options).run();
}

class BackwardWalk {
  private readonly forward: readonly Node[];
  private readonly active: Set<Value>;
  private readonly sums = new Map<Value, Value>();
  private readonly initial = new Map<Value, Value>();
  private readonly shared = new Map<string, Value>();
  private readonly blocks = new Map<string, RecomputedBlock>();
  private readonly members = new Map<string, Set<Node>>();
  private readonly blockNames = new Map<Node, string>();

  constructor(
    private readonly b: GraphBuilder,
    private readonly loss: Value,
    private readonly wrt: readonly Value[],
    options: GradientOptions,
  ) {
    this.forward = [...b.nodes];
    this.active = activeValues(this.forward, wrt);
    for (const [i, start] of (options.accumulate ?? []).entries()) if (start !== null) this.startFrom(wrt[i]!, start);
    for (const node of options.recompute === undefined ? [] : this.forward) {
      const block = blockOf(node, options.recompute!);
      if (block === undefined) continue;
      this.blockNames.set(node, block);
      const members = this.members.get(block);
      if (members === undefined) this.members.set(block, new Set([node]));
      else members.add(node);
    }
  }

  run(): (Value | null)[] {
    this.sums.set(this.loss, this.b.scalar(1, this.loss.dtype));
    for (const node of [...this.forward].reverse()) {
      if (!node.outputs.some((output) => output !== null && this.sums.has(output) && this.active.has(output))) continue;
      if (!node.inputs.some((input) => input !== null && this.active.has(input))) continue;
      this.b.inScope(gradientScope(node), () => this.visit(node));
    }
    return this.wrt.map((value) => (this.active.has(value) ? (this.sums.get(value) ?? null) : null));
  }

  private visit(node: Node): void {
    const rule = operators[node.opType].gradient as GradientRule | { readonly none: string };
    if (typeof rule !== "function") throw noGradient(node, rule.none);
    const contributions = rule(this.contextOf(node));
    for (const [i, contribution] of contributions.entries()) {
      const input = node.inputs[i];
      if (input != null && this.active.has(input)) this.addTo(input, contribution);
    }
  }

  private addTo(value: Value, contribution: Contribution): void {
    if (contribution === null) return;
    const sum = this.sums.get(value) ?? this.initial.get(value) ?? null;
    if (typeof contribution === "function") {
      this.sums.set(value, contribution(sum));
      return;
    }
    const fitted = sumToShape(this.b, contribution, value.shape, this.once);
    this.sums.set(value, sum === null ? fitted : this.b.add(sum, fitted));
  }

  private contextOf(node: Node): GradientContext {
    const block = this.enterBlock(node);
    const read = (value: Value | null | undefined) => {
      if (value == null) throw noGradient(node, "its rule reads an input or output that was left out");
      return block === undefined ? value : block.read(value);
    };
    const gradientOf = (index: number) => {
      const output = node.outputs[index];
      return output == null ? undefined : this.sums.get(output);
    };
    return {
      b: this.b,
      attributes: node.attributes,
      numInputs: node.inputs.length,
      hasInput: (index) => node.inputs[index] != null,
      input: (index) => read(node.inputs[index]),
      output: (index) => read(node.outputs[index]),
      gradient: (index = 0) => gradientOf(index) ?? this.zerosFor(node.outputs[index]!),
      hasGradient: (index) => gradientOf(index) !== undefined,
      needs: (index) => node.inputs[index] != null && this.active.has(node.inputs[index]!),
      once: this.once,
      onceInBlock: block === undefined ? (_key, make) => make() : block.once,
      fail: (reason) => {
        throw noGradient(node, reason);
      },
    };
  }

  private zerosFor(output: Value): Value {
    return this.b.full(output.shape, 0, output.dtype);
  }

  /** The block whose copies the rule of `node` reads, begun with the gradient that arrives at its last node. */
  private enterBlock(node: Node): RecomputedBlock | undefined {
    const name = this.blockNames.get(node);
    if (name === undefined) return undefined;
    let block = this.blocks.get(name);
    if (block === undefined) {
      const arrived = node.outputs.find((output) => output !== null && this.sums.has(output))!;
      const scope = `recompute.${name}`;
      block = new RecomputedBlock(this.b, this.members.get(name)!, scope, this.sums.get(arrived)!);
      this.blocks.set(name, block);
    }
    return block;
  }

  private startFrom(value: Value, start: Value): void {
    if (value.producer !== null) {
      throw new GraphError(
        "graph/accumulate",
        `Gradients accumulate for inputs and constants only, not ${value.name}.`,
      );
    }
    if (start.dtype !== value.dtype || !sameShape(start.shape, value.shape)) {
      throw new GraphError(
        "graph/accumulate",
        `The accumulator of ${value.name} must be ${formatType(value)}, got ${formatType(start)}.`,
      );
    }
    this.initial.set(value, start);
  }

  private readonly once: Once = (key, make) => {
    let value = this.shared.get(key);
    if (value === undefined) {
      value = this.b.inScope("gradient", make);
      this.shared.set(key, value);
    }
    return value;
  };
}

/** Everything real-valued that depends on one of `wrt`. */
function activeValues(nodes: readonly Node[], wrt: readonly Value[]): Set<Value> {
  const active = new Set(wrt);
  for (const node of nodes) {
    // The value that StraightThrough passes on stands for a constant.
    const inputs = node.opType === "StraightThrough" ? node.inputs.slice(1) : node.inputs;
    if (!inputs.some((input) => input !== null && active.has(input))) continue;
    for (const output of node.outputs) if (output !== null && isFloat(output.dtype)) active.add(output);
  }
  return active;
}

function gradientScope(node: Node): string {
  return node.scope === "" ? "gradient" : `gradient.${node.scope}`;
}

function noGradient(node: Node, reason: string): GraphError {
  const inputs = node.inputs.map(formatType).join(", ");
  return new GraphError(
    "graph/no-gradient",
    `${node.opType}(${inputs}) has no gradient: ${reason} (node ${node.name}).`,
    {
      where: node.name,
    },
  );
}
