/** Exhaustiveness check for string unions. */
export function assertNever(value: never, what: string): never {
  throw new Error(`Unexpected ${what}: ${String(value)}`);
}
