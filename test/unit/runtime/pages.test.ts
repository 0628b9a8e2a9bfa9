import { execFileSync } from "node:child_process";
import { firstTouchSeconds, withLargePages } from "@iad-r1/server/runtime/pages";
import { TensorPool } from "@iad-r1/server/runtime/tensorPool";
import { expect, it } from "vitest";

it("large pages are asked for on Linux, and what is set already stays", () => {
  const asked = withLargePages({ PATH: "/bin" });
  if (process.platform === "linux") expect(asked).toEqual({ PATH: "/bin", GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" });
  else expect(asked).toEqual({ PATH: "/bin" });
  const set = { GLIBC_TUNABLES: "glibc.malloc.check=0" };
  expect(withLargePages(set)).toBe(set);
});

it("a process with that environment starts without a word", () => {
  const print = "process.stdout.write(String(new Float32Array(1 << 22).fill(1).length))";
  const env = withLargePages();
  expect(execFileSync(process.execPath, ["-e", print], { env, encoding: "utf8" })).toBe(String(1 << 22));
});

it("the first touch of a byte takes some time, and not much", () => {
  const seconds = firstTouchSeconds();
  expect(seconds).toBeGreaterThan(0);
  // 100 microseconds for a page of 4 KiB.
  expect(seconds).toBeLessThan(1e-4 / 4096 + 1e-8);
});

it("a pool gives every name room of its own, the same one again, in few buffers", () => {
  const pool = new TensorPool(1000);
  const [a, b] = [pool.room("a", 10), pool.room("b", 20)];
  expect([a.length, b.length]).toEqual([10, 20]);
  a.fill(1);
  b.fill(2);
  expect(pool.room("a", 10)).toBe(a);
  expect([...a, ...b]).toEqual([...Array<number>(10).fill(1), ...Array<number>(20).fill(2)]);
  expect(b.buffer).toBe(a.buffer);
  expect(b.byteOffset % 64).toBe(0);
  // More than is left has a buffer of its own.
  const wide = pool.room("c", 5000);
  expect(wide.length).toBe(5000);
  expect(wide.buffer).not.toBe(a.buffer);
  pool.clear();
  expect(pool.room("a", 10)).not.toBe(a);
});
