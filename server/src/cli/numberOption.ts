/** Parsers of options that are numbers: a wrong value is wrong usage, told with the option's name. */
import { InvalidArgumentError } from "commander";

/** A whole number of at least `low`, and at most `high` where that is given. */
export function integer(low: number, high = Number.POSITIVE_INFINITY): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (value.trim() !== "" && Number.isSafeInteger(number) && number >= low && number <= high) return number;
    const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`;
    throw new InvalidArgumentError(`expected a whole number ${range}.`);
  };
}

/** Any number. */
export function finite(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number)) return number;
  throw new InvalidArgumentError("expected a number.");
}

/** A number of at least 0. */
export function nonNegative(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number >= 0) return number;
  throw new InvalidArgumentError("expected a number of at least 0.");
}

/** A number from 0 to 1. */
export function share(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && number >= 0 && number <= 1) return number;
  throw new InvalidArgumentError("expected a number from 0 to 1.");
}

/** A number above 0. */
export function positive(value: string): number {
  const number = Number(value);
  if (value.trim() !== "" && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError("expected a number above 0.");
}
