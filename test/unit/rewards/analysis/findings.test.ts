import { readdirSync, readFileSync } from "node:fs";
import { mergeFindings } from "@iad-r1/server/rewards/analysis/examine";
import {
  documentationAnchor,
  type Finding,
  type FindingId,
  findingTitles,
  sortFindings,
} from "@iad-r1/server/rewards/analysis/finding";
import { applyFixes } from "@iad-r1/server/rewards/check/checkFile";
import { expect, it } from "vitest";

function finding(id: FindingId, start: number, end: number, extra: Partial<Finding> = {}): Finding {
  return {
    ...{ id, severity: "warning", function: "f", start, end, message: "m", fixes: [], certain: "dynamic" },
    evidence: { rows: [], numbers: {} },
    ...extra,
  };
}

it("the gravest come first, and a file shows twenty at most", () => {
  const many = Array.from({ length: 25 }, (_, i) => finding("RW105", 100 - i, 101));
  const sorted = sortFindings([...many, finding("RW101", 500, 501, { severity: "error" })]);
  expect(sorted).toHaveLength(20);
  expect(sorted[0]!.id).toBe("RW101");
  expect(sorted[1]!.start).toBe(76);
});

it("what text and rollouts both found is one finding: the numbers of one, the place and the fix of the other", () => {
  const fix = { title: "t", edits: [{ start: 20, end: 20, text: "x" }] };
  const fromText = finding("RW101", 20, 30, { certain: "static", message: "text", fixes: [fix] });
  const other = finding("RW101", 60, 70, { certain: "static", function: "g" });
  const seen = finding("RW101", 4, 8, { message: "numbers" });
  expect(mergeFindings([fromText, other], [seen])).toEqual([{ ...seen, start: 20, end: 30, fixes: [fix] }, other]);
});

it("a handler is only narrowed to what it still takes of what arrived in it", () => {
  const narrow = {
    title: "Catch only ValueError",
    edits: [{ start: 20, end: 29, text: "ValueError" }],
    catches: ["ValueError"],
  };
  const fromText = finding("RW104", 20, 30, { certain: "static", fixes: [narrow] });
  const fixes = (exceptions: string[]) => {
    const seen = finding("RW104", 20, 40, { evidence: { rows: [], numbers: { caught: 1 }, exceptions } });
    return mergeFindings([fromText], [seen])[0]!.fixes;
  };
  expect(fixes(["ValueError", "JSONDecodeError"])).toEqual([narrow]);
  expect(fixes(["ValueError", "CheckError"])).toEqual([]);
});

it("fixes that touch each other are not both applied", () => {
  const replace = (start: number, end: number, text: string) => ({ title: `${start}`, edits: [{ start, end, text }] });
  const fixed = applyFixes("0123456789", [
    finding("RW102", 0, 1, { fixes: [replace(2, 4, "ab")] }),
    finding("RW111", 0, 1, { fixes: [replace(3, 5, "never")] }),
    finding("RW112", 0, 1, { fixes: [replace(7, 7, "+")] }),
    finding("RW105", 0, 1),
  ]);
  expect(fixed).toEqual({ source: "01ab456+789", applied: ["RW102: 2", "RW112: 7"] });
  expect(applyFixes("a", [finding("RW105", 0, 1)])).toBeNull();
});

it("the documentation says which ids the text alone can show", () => {
  const page = readFileSync(new URL("../../../../docs/reward-debugger.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| \[(RW\d+)\].*\| *(\w*) *\| *\w* *\|$/gm)];
  const said = rows.flatMap(([, id, ofText]) => (ofText === "yes" ? [id!] : []));
  const folder = new URL("../../../../server/src/rewards/static/", import.meta.url);
  const made = readdirSync(folder).flatMap((name) =>
    [...readFileSync(new URL(name, folder), "utf8").matchAll(/"(RW\d+)"/g)].map(([, id]) => id!),
  );
  expect(said).toEqual([...new Set(made)].sort());
});

it("every id has its heading in the documentation, where links from messages lead", () => {
  const page = readFileSync(new URL("../../../../docs/reward-debugger.md", import.meta.url), "utf8");
  // GitHub and VS Code make anchors from headings: lower case, no punctuation, blanks to hyphens.
  const anchors = [...page.matchAll(/^## (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
  for (const id of Object.keys(findingTitles) as FindingId[]) expect(anchors).toContain(documentationAnchor(id));
});
