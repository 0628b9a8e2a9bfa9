/** Types become blanks: what remains stands at its line and column, and is the program that taking types out makes. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { blankTypes } from "@iad-r1/server/rewards/user/blankTypes";
import { stripTypes } from "@iad-r1/server/rewards/user/stripTypes";
import { expect, test } from "vitest";

const blank = (code: string) => blankTypes(code, "/a.reward.ts");
/** Blanks as dots, so that they can be seen. */
const dots = (code: string) => blank(code).replaceAll(" ", "·");

test.each([
  ["const a: number = 1;", "const a         = 1;"],
  ["let a!: string;", "let a         ;"],
  ["function f(this: X, a?: string, ...b: T[]): void {}", "function f(         a         , ...b     )       {}"],
  ["const f = async <T,>(x: T): Promise<T> => x;", "const f = async     (x   )             => x;"],
  ["x = y as unknown as string;", "x = y                     ;"],
  ["x = (y as any).z!.w satisfies T;", "x = (y       ).z .w            ;"],
  ["f<string>(a!);", "f        (a );"],
  ["new Map<string, { a: number }>();", "new Map                       ();"],
  ["interface A { b: string }\ntype C = A;\nf();", "                         \n           \nf();"],
  ["import type { A } from 'a';\nf();", "                           \nf();"],
  ["import { a, type B, c } from 'a';\na(c);", "import { a,         c } from 'a';\na(c);"],
  ["import { A } from 'a';\nlet x: A;", "                      \nlet x   ;"],
  ["import { A, b } from 'a';\nb as A; x.A;", "import {    b } from 'a';\nb     ; x.A;"],
  ["declare class A {}\nexport type { A };\nf();", "                  \n                  \nf();"],
  [
    "class A<T> extends B<T> implements C, D { private readonly x?: T = 1; static override y(): T { return 1 } z!: T }",
    "class A    extends B                    {                  x     = 1; static          y()    { return 1 } z     }",
  ],
  ["const f = (a): {\n  b: T;\n} => a;", "const f = (a    \n       \n) => a;"],
  ["abstract class A { abstract b(): void; c() {} }", "         class A {                     c() {} }"],
  ["function f(a: string): void;\nfunction f(a: any) {}", "                            \nfunction f(a     ) {}"],
  ["const 数: string = '√🙂'; const b: T = 1;", "const 数         = '√🙂'; const b    = 1;"],
])("%s", (code, expected) => {
  expect(blank(code)).toBe(expected);
  expect(blank(code)).toHaveLength(code.length);
});

test.each([
  ["an enum", "enum A { B }\nf(A.B);"],
  ["a parameter property", "class A { constructor(private x: string) {} }"],
])("%s is left to what writes code, on the same lines", (_, code) => {
  expect(blank(code)).toBe(stripTypes(code, "/a.reward.ts"));
  expect(blank(code).split("\n")).toHaveLength(code.split("\n").length);
});

test("the samples and the corpus keep every column, and files that cannot be read say where", () => {
  const folders = ["samples/rewards/", "test/fixtures/rewardCorpus/rewards/"].map((name) => {
    return fileURLToPath(new URL(`../../../../${name}`, import.meta.url));
  });
  const files = folders.flatMap((folder) => readdirSync(folder).map((name) => folder + name));
  const scripts = files.filter((file) => file.endsWith(".ts"));
  expect(scripts.length).toBeGreaterThan(20);
  for (const file of scripts) {
    const code = readFileSync(file, "utf8");
    const blanked = blankTypes(code, file);
    expect({ file, length: blanked.length }).toEqual({ file, length: code.length });
    const wrong = [...blanked].findIndex((character, i) => character !== " " && character !== [...code][i]);
    expect({ file, wrong }).toEqual({ file, wrong: -1 });
  }
  expect(() => blank("const a: = 1;")).toThrow(expect.objectContaining({ code: "reward/load" }));
  expect(dots("f ( )")).toBe("f·(·)");
});
