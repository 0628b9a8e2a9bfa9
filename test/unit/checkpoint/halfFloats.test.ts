import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from "@iad-r1/models/checkpoint/halfFloats";
import { expect, test } from "vitest";

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** NaN keeps being NaN, but its quiet bit may be set on the way. */
function withoutNaN(bits: Uint16Array, values: Float32Array): number[] {
  return [...bits].filter((_, i) => !Number.isNaN(values[i]));
}

test("every float16 survives the way to float32 and back", () => {
  const values = float16ToFloat32(everyPattern);
  expect(withoutNaN(float32ToFloat16(values), values)).toEqual(withoutNaN(everyPattern, values));
  expect(values.filter(Number.isNaN).length).toBe(2 * 1023);
});

test("every bfloat16 survives the way to float32 and back", () => {
  const values = bfloat16ToFloat32(everyPattern);
  expect(withoutNaN(float32ToBfloat16(values), values)).toEqual(withoutNaN(everyPattern, values));
  expect(values.filter(Number.isNaN).length).toBe(2 * 127);
});

test("float16 numbers have the values IEEE 754 gives them", () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x7c00, 0xfc00, 0x8000);
  const expected = [1, -2, 65504, 2 ** -14, 1023 * 2 ** -24, 2 ** -24, Infinity, -Infinity, -0];
  expect([...float16ToFloat32(bits)]).toEqual(expected);
});

test.each([
  ["a tie goes to the even neighbour below", 1 + 2 ** -11, 0x3c00],
  ["a tie goes to the even neighbour above", 1 + 3 * 2 ** -11, 0x3c02],
  ["just above a tie goes up", 1 + 2 ** -11 + 2 ** -20, 0x3c01],
  ["the mantissa carries into the exponent", 2 - 2 ** -12, 0x4000],
  ["the largest number that is still finite", 65519, 0x7bff],
  ["beyond the largest number is infinite", 65520, 0x7c00],
  ["a tie at half the smallest subnormal goes to zero", 2 ** -25, 0x0000],
  ["above half the smallest subnormal goes up", 1.5 * 2 ** -25, 0x0001],
  ["a subnormal tie goes to even", 2.5 * 2 ** -24, 0x0002],
  ["the largest subnormal rounds up to the smallest normal", 2 ** -14 - 2 ** -26, 0x0400],
  ["the sign of zero is kept", -1e-30, 0x8000],
])("float32 to float16: %s", (_, value, bits) => {
  expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(bits);
});

test.each([
  ["a tie goes to the even neighbour below", 1 + 2 ** -8, 0x3f80],
  ["a tie goes to the even neighbour above", 1 + 3 * 2 ** -8, 0x3f82],
  ["the largest float32 rounds to infinity", 3.4028234663852886e38, 0x7f80],
  ["minus infinity stays", -Infinity, 0xff80],
])("float32 to bfloat16: %s", (_, value, bits) => {
  expect(float32ToBfloat16(Float32Array.of(value))[0]).toBe(bits);
});

test("a NaN whose upper half looks like infinity stays NaN", () => {
  const value = new Float32Array(Uint32Array.of(0x7f800001).buffer);
  expect(bfloat16ToFloat32(float32ToBfloat16(value))[0]).toBeNaN();
  expect(float16ToFloat32(float32ToFloat16(value))[0]).toBeNaN();
});
