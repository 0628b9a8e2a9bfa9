/**
 * Conversion between float32 and the two 16-bit formats, which JavaScript holds as bits in a Uint16Array. Rounding is to
 * nearest, ties to even, as PyTorch rounds; infinities, NaN and subnormal numbers are kept.
 */

/** bfloat16 is the upper half of float32, so widening is exact. */
export function bfloat16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return out;
}

export function float32ToBfloat16(
  values: Float32Array,
  out: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    // NaN would round to infinity: keep its upper half and make it quiet.
    const quiet = (word & 0x7fffffff) > 0x7f800000;
    out[i] = quiet ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** Exact; through a table of all 65,536 values, which is several times faster than taking the bits apart. */
export function float16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  float16Table ??= makeFloat16Table();
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = float16Table[bits[i]!]!;
  return out;
}

/** Numbers beyond 65,504 become infinite, as in PyTorch. */
export function float32ToFloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) {
      half = 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else if (magnitude >= 0x47800000) {
      half = 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Normal: move the exponent bias from 127 to 15, then round the 13 bits that go.
      const moved = magnitude - 0x38000000;
      half = (moved + 0xfff + ((moved >>> 13) & 1)) >>> 13;
    } else if (magnitude >= 0x33000000) {
      // Subnormal: shift the mantissa with its leading 1 to units of 2^-24.
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      half = (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
    } else {
      half = 0;
    }
    out[i] = sign | half;
  }
  return out;
}

let float16Table: Uint32Array | undefined;

function makeFloat16Table(): Uint32Array {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) values[bits] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return new Uint32Array(values.buffer);
}
