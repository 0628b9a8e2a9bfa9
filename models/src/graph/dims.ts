/**
 * Arithmetic on extents: polynomials with integer coefficients over named lengths, kept as canonical strings.
 * A quotient that is not exact becomes an atom of its own, "floor(X,Y)"; nothing here guesses values of lengths.
 */
import { GraphError } from "../errors";
import type { Dim, Shape } from "./types";

/** Monomial ("" is 1, atoms sorted and joined by "*") to coefficient; no zero coefficients. */
type Polynomial = ReadonlyMap<string, number>;

const parsed = new Map<string, Polynomial>();
const atomPattern = /^[A-Za-z_][A-Za-z0-9_.]*$/;

/** A name that may stand for a length. Throws GraphError otherwise; numbers must be whole and not negative. */
export function checkDim(dim: Dim): void {
  if (typeof dim === "number") {
    if (Number.isSafeInteger(dim) && dim >= 0) return;
    throw new GraphError("graph/dim", `A length must be a whole number of at least 0, got ${dim}.`);
  }
  const canonical = format(parse(dim));
  if (canonical === dim) return;
  throw new GraphError("graph/dim", `The length "${dim}" is not in canonical form, expected "${canonical}".`);
}

export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a + b;
  return format(combine(parse(a), parse(b), 1));
}

export function subDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return format(combine(parse(a), parse(b), -1));
}

export function mulDims(a: Dim, b: Dim): Dim {
  if (typeof a === "number" && typeof b === "number") return a * b;
  const product = new Map<string, number>();
  for (const [left, leftCount] of parse(a)) {
    for (const [right, rightCount] of parse(b)) addTerm(product, joinAtoms(left, right), leftCount * rightCount);
  }
  return format(product);
}

/** The quotient when it is exact for all values of the lengths, otherwise undefined. */
export function divideExactly(a: Dim, b: Dim): Dim | undefined {
  if (b === 0) return undefined;
  if (typeof a === "number" && typeof b === "number") return a % b === 0 ? a / b : undefined;
  if (a === b) return 1;
  if (a === 0) return 0;
  const divisor = [...parse(b)];
  if (divisor.length !== 1) return undefined;
  const [monomial, count] = divisor[0]!;
  const quotient = new Map<string, number>();
  for (const [term, coefficient] of parse(a)) {
    const rest = removeAtoms(term, monomial);
    if (rest === undefined || coefficient % count !== 0) return undefined;
    addTerm(quotient, rest, coefficient / count);
  }
  return format(quotient);
}

/** The quotient rounded down; an opaque atom when it is not exact. */
export function floorDivDims(a: Dim, b: Dim): Dim {
  const exact = divideExactly(a, b);
  if (exact !== undefined) return exact;
  if (typeof a === "number" && typeof b === "number") return Math.floor(a / b);
  return `floor(${a},${b})`;
}

/** Number of elements; 1 for a scalar. */
export function numElements(shape: readonly number[]): number;
export function numElements(shape: Shape): Dim;
export function numElements(shape: Shape): Dim {
  return shape.reduce(mulDims, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The number a length stands for under `lengths`; GraphError `graph/unbound-length` when one is missing. */
export function evaluateDim(dim: Dim, lengths: Readonly<Record<string, number>>): number {
  if (typeof dim === "number") return dim;
  let total = 0;
  for (const [monomial, coefficient] of parse(dim)) {
    let term = coefficient;
    for (const atom of splitAtoms(monomial)) term *= evaluateAtom(atom, lengths);
    total += term;
  }
  return total;
}

/** Sums of products as a list, for whoever writes a length as nodes: [[coefficient, [atoms]], ...]. */
export function dimTerms(dim: Dim): [coefficient: number, atoms: string[]][] {
  return [...parse(dim)].map(([monomial, coefficient]) => [coefficient, splitAtoms(monomial)]);
}

/** Operands of an opaque quotient atom, or undefined for a plain name. */
export function quotientOperands(atom: string): [Dim, Dim] | undefined {
  if (!atom.startsWith("floor(") || !atom.endsWith(")")) return undefined;
  // A product of quotients begins and ends like one, but has more commas.
  const operands = splitOutside(atom.slice("floor(".length, -1), ",");
  return operands.length === 2 ? [toDim(operands[0]!), toDim(operands[1]!)] : undefined;
}

function evaluateAtom(atom: string, lengths: Readonly<Record<string, number>>): number {
  const quotient = quotientOperands(atom);
  if (quotient !== undefined) {
    return Math.floor(evaluateDim(quotient[0], lengths) / evaluateDim(quotient[1], lengths));
  }
  const value = lengths[atom];
  if (value === undefined) {
    const known = Object.keys(lengths).join(", ") || "none";
    throw new GraphError("graph/unbound-length", `The length "${atom}" has no value; known lengths: ${known}.`);
  }
  return value;
}

function parse(dim: Dim): Polynomial {
  if (typeof dim === "number") return dim === 0 ? new Map() : new Map([["", dim]]);
  const known = parsed.get(dim);
  if (known !== undefined) return known;
  const polynomial = new Map<string, number>();
  // "A-B" reads as "A+-B", so that splitting at "+" leaves the sign with its term.
  for (const term of splitOutside(markSigns(dim), "+")) {
    let coefficient = 1;
    let body = term;
    if (body.startsWith("-")) {
      coefficient = -1;
      body = body.slice(1);
    }
    const atoms: string[] = [];
    for (const factor of splitOutside(body, "*")) {
      if (/^\d+$/.test(factor)) coefficient *= Number(factor);
      else if (atomPattern.test(factor) || quotientOperands(factor) !== undefined) atoms.push(factor);
      else throw new GraphError("graph/dim", `The length "${dim}" is not a sum of products of names and numbers.`);
    }
    addTerm(polynomial, atoms.sort().join("*"), coefficient);
  }
  parsed.set(dim, polynomial);
  return polynomial;
}

function format(polynomial: Polynomial): Dim {
  const terms = [...polynomial].sort(([a], [b]) => compareMonomials(a, b));
  if (terms.length === 0) return 0;
  if (terms.length === 1 && terms[0]![0] === "") return terms[0]![1];
  let text = "";
  for (const [monomial, coefficient] of terms) {
    const size = Math.abs(coefficient);
    const body = monomial === "" ? `${size}` : size === 1 ? monomial : `${size}*${monomial}`;
    text += coefficient < 0 ? `-${body}` : text === "" ? body : `+${body}`;
  }
  return text;
}

/** Alphabetical, the plain number last. */
function compareMonomials(a: string, b: string): number {
  if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function combine(a: Polynomial, b: Polynomial, sign: number): Polynomial {
  const sum = new Map(a);
  for (const [monomial, coefficient] of b) addTerm(sum, monomial, sign * coefficient);
  return sum;
}

function addTerm(polynomial: Map<string, number>, monomial: string, coefficient: number): void {
  const total = (polynomial.get(monomial) ?? 0) + coefficient;
  if (total === 0) polynomial.delete(monomial);
  else polynomial.set(monomial, total);
}

function joinAtoms(a: string, b: string): string {
  return [...splitAtoms(a), ...splitAtoms(b)].sort().join("*");
}

function removeAtoms(from: string, atoms: string): string | undefined {
  const rest = splitAtoms(from);
  for (const atom of splitAtoms(atoms)) {
    const at = rest.indexOf(atom);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest.join("*");
}

function splitAtoms(monomial: string): string[] {
  return monomial === "" ? [] : splitOutside(monomial, "*");
}

function toDim(text: string): Dim {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

function markSigns(text: string): string {
  let marked = "";
  let depth = 0;
  for (const [i, character] of [...text].entries()) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    marked += character === "-" && depth === 0 && i > 0 ? "+-" : character;
  }
  return marked;
}

/** Splits at a character that stands outside parentheses. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === separator && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
