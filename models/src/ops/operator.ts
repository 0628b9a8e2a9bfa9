/**
 * What an operator is: its signature (graph/types.ts) together with its gradient rule.
 * A rule is needed when a loss can depend on a real-valued input of the operator; otherwise the table states why there is none.
 */
import type { GraphBuilder } from "../graph/builder";
import type { Attributes, OperatorSignature, Value } from "../graph/types";

/**
 * What a gradient rule returns for one input: the gradient itself, a way to add it to what has been summed so far
 * (null: nothing yet) when the operator can do so for free, or null for a gradient of zero.
 * The shape may be larger by broadcasting than the input: the walk sums it down.
 */
export type Contribution = Value | ((sum: Value | null) => Value) | null;

export interface GradientContext<A = Attributes> {
  readonly b: GraphBuilder;
  readonly attributes: Readonly<A>;
  readonly numInputs: number;
  /** Whether an optional input was given. */
  hasInput(index: number): boolean;
  /** The forward input at an index. Asking is what keeps it in memory (or recomputes it): ask only for what is used. */
  input(index: number): Value;
  /** The forward output at an index; as above. */
  output(index: number): Value;
  /** Gradient of the loss with respect to output `index`; zero outputs are not asked for: see `hasGradient`. */
  gradient(index?: number): Value;
  hasGradient(index: number): boolean;
  /** Whether the gradient of an input is wanted; others are ignored. */
  needs(index: number): boolean;
  /** A value that many rules share, made at its first use. */
  once(key: string, make: () => Value): Value;
  /** The same within a block that is computed again, whose copies may have made it already; elsewhere each rule makes its own. */
  onceInBlock(key: string, make: () => Value): Value;
  /** Throws GraphError `graph/no-gradient`. */
  fail(reason: string): never;
}

export type GradientRule<A = Attributes> = (context: GradientContext<A>) => readonly Contribution[];

export interface Operator<A = Attributes> extends OperatorSignature<A> {
  readonly gradient: GradientRule<A> | { readonly none: string };
}
