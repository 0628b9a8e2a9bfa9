/** Texts of many rows, over several blocks of memory. */
import { TextColumn } from "@iad-r1/server/rollouts/columns";
import { expect, it } from "vitest";

it("finds a part in texts that fill several blocks, one of them larger than a block, and not across two texts", () => {
  const texts = new TextColumn();
  const filler = "x".repeat(900_000);
  for (let row = 0; row < 12; row++) texts.push(`${filler}${row === 7 ? " scratch" : ""}${row === 11 ? " näht" : ""}`);
  texts.push(`${"y".repeat(5_000_000)} scratch`);
  texts.push("scr", "Sample-9".toLowerCase());
  texts.push("atch");
  const rowsWith = (text: string) => {
    const rows: number[] = [];
    texts.find(text, (row) => rows.push(row));
    return rows;
  };
  expect(rowsWith("Scratch")).toEqual([7, 12]);
  expect(rowsWith("NÄHT")).toEqual([11]);
  expect(rowsWith("sample-9")).toEqual([13]);
  expect(rowsWith("scr")).toEqual([7, 12, 13]);
  expect(rowsWith("xxx").length).toBe(12);
  expect(rowsWith("")).toEqual([]);
});
