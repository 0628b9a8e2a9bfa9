/** Hovers, lenses, hints, problems and reach of a reward file, from reports that are there, also when the text on screen is newer. */
import { histogramSvg, sparkline } from "@iad-r1/server/features/rewards/histogram";
import { rewardTranslatorFor, translateMessage } from "@iad-r1/server/features/localise/rewards";
import { rewardPhrases, rewardSentences, rewardSurfaceTexts } from "@iad-r1/server/features/localise/rewardsZhCn";
import { type PlacedFinding, placedFindings, rewardFindings } from "@iad-r1/server/features/rewards/findings";
import { rewardHover } from "@iad-r1/server/features/rewards/hovers";
import { maxHintLength, rewardHints } from "@iad-r1/server/features/rewards/inlayHints";
import { rewardLenses } from "@iad-r1/server/features/rewards/lenses";
import { rewardReach } from "@iad-r1/server/features/rewards/reach";
import { TextShift } from "@iad-r1/server/features/rewards/textShift";
import { RewardView } from "@iad-r1/server/features/rewards/view";
import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { ignoringEdit, withoutIgnored } from "@iad-r1/server/rewards/analysis/ignoredFindings";
import { distributionOf } from "@iad-r1/server/rewards/debug/distribution";
import type { DynamicReport } from "@iad-r1/server/rewards/debug/fileReport";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import type { ProbeView, RewardFunctionReport, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import { describe, expect, test } from "vitest";

const source = `import { defineReward } from "iad-r1/reward";
export const answer = defineReward({
  score({ completion }: { completion: string }) {
    try {
      if (completion.includes("Yes")) return 1;
      return JSON.parse(completion).score;
    } catch {
      return 0;
    }
  },
});
`;
const at = (word: string) => source.indexOf(word);

function functionReport(change: Partial<RewardFunctionReport> = {}): RewardFunctionReport {
  return {
    ...{ name: "answer", freshness: "live", numRollouts: 512, steps: { from: 12, to: 19, count: 8 } },
    ...{ scores: distributionOf([0, 0, 1, 1, 0.5]), counts: { ok: 500, na: 8, error: 4 } },
    ...{ groups: { count: 64, zeroVariance: 16, meanStd: 0.25 }, timeMs: { p50: 0.01, p99: 0.04 } },
    varianceShare: 0.41,
    trend: [
      { step: 12, mean: 0.31 },
      { step: 13, mean: 0.36 },
      { step: 19, mean: 0.43 },
    ],
    change: {
      ...{ against: "recorded", flips: 17, compared: 512, deltaMean: 0.02, regainedGroups: 3, lostGroups: 1 },
      rollouts: [{ step: 12, group: "12/1", index: 0 }],
    },
    ...{ worst: { step: 12, group: "12/1", index: 0 }, pinned: null },
    ...change,
  };
}

function site(word: string, change: Partial<SiteReport>): SiteReport {
  return {
    ...{ kind: "expression", function: "answer", start: at(word), end: at(word) + word.length, reached: 512 },
    ...{
      kept: 512,
      rowsReached: 512,
      top: [],
      distinct: 0,
      numbers: null,
      branches: null,
      thrown: [],
      meanReached: null,
    },
    ...{ meanOthers: null, notReachedBecause: null, rollouts: [], regex: null },
    ...change,
  };
}

function view(change: Partial<DynamicReport> = {}, text = source, findings: Finding[] = []): RewardView {
  const { functions, problems } = discoverRewards("/p/answer.reward.ts", source);
  const report: DynamicReport = {
    ...{ text: source, hash: "", label: "run 1, steps 12 to 19", isLive: true, pinned: null, problem: null },
    ...{ functions: [functionReport()], sites: [], reach: [], findings: [] },
    ...change,
  };
  const facts = { text: source, functions, problems, findings };
  return new RewardView({ uri: "file:///p/answer.reward.ts", text, facts, report, examined: null, isUpdating: false });
}

/** All hovers that the tests have seen: the last test reads them in Chinese. */
const seen: string[] = [];

function hoverOn(shown: RewardView, offset: number, findings: Finding[] = []): string | null {
  const markdown = rewardHover(shown, offset, findings)?.markdown ?? null;
  if (markdown !== null) seen.push(markdown);
  return markdown;
}
const lines = (markdown: string) => markdown.split("\n").filter((line) => line.trim() !== "");

function finding(change: Partial<Finding> = {}): Finding {
  return {
    ...{ id: "RW104", severity: "warning", function: "answer", start: at("catch"), end: at("catch") + 5 },
    ...{ message: "61 of 512 exceptions became the score 0. Narrow the try.", certain: "dynamic", fixes: [] },
    evidence: { rows: [], numbers: {} },
    ...change,
  };
}

describe("the hover on a reward's name", () => {
  test("says everything in twelve lines", () => {
    const text = hoverOn(view(), at("answer"), [finding()])!;
    expect(lines(text).length).toBeLessThanOrEqual(12);
    expect(text).toContain("**`answer`** · `run 1, steps 12 to 19` · 512 rollouts · re-scored with the code on screen");
    expect(text).toContain("25 % of 64 groups have equal totals · 8 not applicable · 4 failed · p99 0.04 ms a call");
    expect(text).toContain("Mean 0.31 → 0.43 over 3 steps");
    expect(text).toContain("This edit flips 17 of 512 scores, mean +0.02, 3 groups regain variance, 1 group loses it");
    expect(text).toContain("**RW104** 61 of 512 exceptions became the score 0.");
    expect(text).toMatch(/Show the 17 flips\]\(command:iadr1\.exploreRollouts\?[^()\s]+\)/);
  });

  test("keeps old numbers while the text is newer, and says so", () => {
    const text = source.replace("return 0;", "return 0.5;");
    expect(hoverOn(view({}, text), at("answer"))).toContain("512 rollouts · updating");
  });

  test("speaks of one rollout when it is pinned", () => {
    const pinned = { status: "na" as const, score: null, reason: "no `answer` [tag](command:x)" };
    const text = hoverOn(view({ functions: [functionReport({ pinned })] }), at("answer"))!;
    expect(text).toContain("Pinned rollout: not applicable");
    // What a reward said is code, never a link.
    expect(text).toContain("``no `answer` [tag](command:x)``");
    expect(text).not.toContain("data:image");
  });

  test("leads to rollouts when there are none", () => {
    const none = functionReport({ freshness: "none", numRollouts: 0, scores: null });
    expect(hoverOn(view({ functions: [none] }), at("answer"))).toContain("command:iadr1.sampleRollouts");
  });
});

describe("the hover on a place", () => {
  test("counts values, and says why others did not come there", () => {
    const place = site("JSON.parse(completion).score", {
      ...{
        reached: 233,
        kept: 233,
        rowsReached: 233,
        distinct: 7,
        notReachedBecause: { line: 5, truth: true, count: 256 },
      },
      top: [{ text: "0.5", type: "number", count: 200 }],
    });
    const text = hoverOn(view({ sites: [place] }), at("JSON.parse") + 2)!;
    expect(text).toContain("reached in 233 of 512 rollouts; not reached because line 5 was true 256×");
    expect(text).toContain("- 200× `0.5`");
    expect(text).toContain("- 33× 6 other values");
  });

  test("does not count rollouts where they are not known", () => {
    const between = site("JSON.parse(completion).score", {
      ...{ reached: 2, kept: 2, rowsReached: null, distinct: 2 },
      top: [{ text: "0.5", type: "number", count: 1 }],
    });
    const text = hoverOn(view({ sites: [between] }), at("JSON.parse") + 2)!;
    expect(text).toContain("· reached 2×\n\n- 1× `0.5`\n- 1× 1 other value");
    const often = { ...between, reached: 80_292, kept: 4096 };
    expect(hoverOn(view({ sites: [often] }), at("JSON.parse") + 2)).toContain(
      "reached 80292×, values of the first 4096\n",
    );
    const caught = site("catch {", { kind: "catch", reached: 3, rowsReached: null });
    expect(hoverOn(view({ sites: [caught] }), at("catch") + 1)).toContain("Caught 3×");
    expect(rewardHints(view({ sites: [between] }), "all", 0, 100)[0]!.label).toBe("0.5 1× of 2");
  });

  test("shows line breaks where a pattern stopped", () => {
    const failure = {
      rollout: null,
      matchedUpTo: "</think>\n",
      expected: "<a>",
      saw: "\n<b>",
      text: "</think>\n\n<b>",
      at: 9,
    };
    const regex = { pattern: "", tested: 2, matched: 1, failure, trials: [], p99Ms: null, warning: null };
    const text = hoverOn(
      view({ sites: [site("JSON.parse(completion)", { kind: "regex", regex })] }),
      at("JSON.parse") + 2,
    )!;
    expect(text).toContain("matched up to `</think>\\n`, expected `<a>`, saw `\\n<b>`");
  });

  test("tells from the keyword what a condition pays", () => {
    const branches = { yes: 279, no: 233, meanYes: 1, meanNo: 0.31 };
    const place = site('completion.includes("Yes")', { kind: "condition", branches });
    const text = hoverOn(view({ sites: [place] }), at("if (completion"))!;
    expect(text).toContain("- true 279× (54 %), mean total 1");
    expect(text).toContain("- false 233× (46 %), mean total 0.31");
  });

  test("lists what a catch swallowed, with the line that threw", () => {
    const thrown = [{ message: "SyntaxError: x | y\n<b>", count: 61, line: 6, rollout: null }];
    const place = site("catch {\n      return 0;\n    }", {
      kind: "catch",
      rowsReached: 61,
      reached: 61,
      thrown,
      meanReached: 0,
      meanOthers: 0.8,
    });
    const text = hoverOn(view({ sites: [place] }), at("catch") + 1)!;
    expect(text).toContain("Caught in 61 of 512 rollouts (12 %)");
    expect(text).toContain("- 61× `SyntaxError: x | y <b>`, thrown in line 6");
    expect(text).toContain("Mean total 0 where it caught, 0.8 elsewhere");
  });

  test("is marked while the text in it is newer, and silent for what was exchanged", () => {
    const value = { top: [{ text: "1", type: "number", count: 1 }], distinct: 1 };
    const text = source.replace("JSON.parse(completion).score", "JSON.parse(text).score");
    const whole = view({ sites: [site("JSON.parse(completion).score", value)] }, text);
    expect(hoverOn(whole, text.indexOf("text)"))).toContain("updating");
    const part = view({ sites: [site("completion).score", value)] }, text);
    expect(hoverOn(part, text.indexOf("text)"))).toBeNull();
  });
});

test("hints stand at the ends of lines, are short, and only where they are wanted", () => {
  const sites = [
    site("1;", {
      kind: "return",
      end: at("1;") + 1,
      reached: 279,
      rowsReached: 279,
      distinct: 1,
      top: [{ text: "1", type: "number", count: 279 }],
    }),
    site("JSON.parse(completion).score", {
      distinct: 3,
      top: [{ text: "a value that is much too long for a hint", type: "string", count: 3 }],
    }),
    // Of what was caught only the most frequent is named.
    site("catch {", { kind: "catch", reached: 61, thrown: [{ message: "E", count: 9, line: 6, rollout: null }] }),
  ];
  const shown = view({ sites });
  const hints = rewardHints(shown, "returns", 0, 100);
  expect(hints.map(({ position, label }) => [position.line, label])).toEqual([
    [4, "1 · 279×"],
    [6, "caught 61×"],
  ]);
  expect(hints[0]!.position.character).toBe(source.split("\n")[4]!.length);
  const all = rewardHints(shown, "all", 0, 100);
  expect(all).toHaveLength(3);
  for (const { label } of all) expect(label.length).toBeLessThanOrEqual(maxHintLength);
  expect(rewardHints(shown, "off", 0, 100)).toEqual([]);
});

test("lenses stay where the function is while other lines come and go, and say what is pinned", () => {
  const text = `// a new line\n${source}`;
  const [verdict, ...others] = rewardLenses(view({}, text));
  expect(verdict).toMatchObject({
    range: { start: { line: 2 } },
    title: expect.stringContaining("0.5 ± 0.5 · 25 % equal groups · 17 flips"),
  });
  expect(others.map(({ title }) => title)).toEqual(["Explore", "Probe", "Score with…"]);
});

test("reach moves with the text", () => {
  const reach = [{ line: 7, rows: 0, total: 512 }];
  expect(rewardReach(view({ reach }, `\n${source}`))).toEqual([{ line: 8, rows: 0, total: 512 }]);
});

describe("problems", () => {
  test("have rollouts to look at, a page, fixes, and can be silenced or made graver", () => {
    const fixes = [
      { title: "Count it as not applicable", edits: [{ start: at("0;"), end: at("0;") + 1, text: "skip()" }] },
    ];
    const rollouts = [{ key: { step: 3, group: "3/1", index: 2 }, path: "/p/step.jsonl", line: 14 }];
    const shown = view({ findings: [{ ...finding({ fixes }), rollouts }] });
    const [problem] = rewardFindings(shown, placedFindings(shown, { RW104: "error" }), (id) => `file:///docs.md#${id}`);
    expect(problem).toMatchObject({ severity: "error", code: "RW104", link: "file:///docs.md#RW104" });
    expect(problem!.related).toEqual([
      {
        message: "Rollout 2 of group 3/1, step 3",
        path: "/p/step.jsonl",
        range: expect.objectContaining({ start: { line: 14, character: 0 } }),
      },
    ]);
    expect(problem!.fixes.map(({ title }) => title)).toEqual([
      "Count it as not applicable",
      "Ignore RW104 (an exception becomes a score) on this line",
    ]);
    expect(placedFindings(shown, { RW104: "off" })).toEqual([]);
  });

  test("move with the text, and are left out where it was changed", () => {
    const shown = view({ findings: [{ ...finding(), rollouts: [] }] }, `\n${source}`);
    expect(placedFindings(shown)[0]!.start).toBe(at("catch") + 1);
    const changed = source.replace("catch", "catc");
    expect(placedFindings(view({ findings: [{ ...finding(), rollouts: [] }] }, changed))).toEqual([]);
  });

  test("a comment on the line or alone above silences the ids it names", () => {
    const one = finding();
    const edit = ignoringEdit(source, one.start, "RW104", "typescript");
    const silenced = source.slice(0, edit.start) + edit.text + source.slice(edit.end);
    expect(withoutIgnored(silenced, [one, finding({ id: "RW111" })]).map(({ id }) => id)).toEqual(["RW111"]);
    const again = ignoringEdit(silenced, one.start, "RW111", "typescript");
    const both = silenced.slice(0, again.start) + again.text + silenced.slice(again.end);
    expect(both).toContain("// iadr1-ignore RW104 RW111");
    expect(withoutIgnored(both, [one, finding({ id: "RW111" })])).toEqual([]);
    const above = source.replace("    } catch", "    # iadr1-ignore: RW104\n    } catch");
    expect(withoutIgnored(above, [finding({ start: above.indexOf("catch") })])).toEqual([]);
  });
});

describe("pictures", () => {
  test("are small, whatever the numbers", () => {
    const many = distributionOf(Array.from({ length: 5000 }, (_, i) => Math.sin(i) * 1e6))!;
    expect(Buffer.byteLength(Buffer.from(histogramSvg(many)).toString("base64"))).toBeLessThan(4096);
    expect(histogramSvg(distributionOf([2, 2, 2])!)).toContain(">2</text>");
    expect(sparkline([0, 1, 2])).toBe("▁▅█");
  });
});

test("a changed stretch moves what stands behind it and hides what stands in it", () => {
  const shift = new TextShift("one two three", "one 2 three");
  expect([shift.toNew(0), shift.toNew(5), shift.toNew(8)]).toEqual([0, null, 6]);
  expect(shift.toOld(6)).toBe(8);
  expect(shift.spanToNew(8, 13)).toEqual({ start: 6, end: 11 });
  expect(new TextShift("same", "same").isSame).toBe(true);
});

/** Words of ours that are left: not code, addresses, names of findings, or units. */
function englishIn(markdown: string): string[] {
  const ours = markdown
    .replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, "")
    .replaceAll(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, "")
    .replaceAll(/\]\((?:command|data):[^)]*\)/g, "]")
    .replaceAll("&nbsp;", "");
  const known = new Set(["ms", "Markdown", "true", "false", "answer", "contract", "re", "DOTALL"]);
  return [...ours.matchAll(/(?<![A-Za-z0-9])[A-Za-z]{2,}(?![A-Za-z0-9])/g)]
    .map(([word]) => word)
    .filter((word) => !known.has(word));
}

describe("in Chinese", () => {
  const say = rewardTranslatorFor("zh-cn");

  test("hovers have no English word of ours, and all that is a person's own", () => {
    const regex: NonNullable<SiteReport["regex"]> = {
      ...{ pattern: "<a>(.*?)</a>", tested: 512, matched: 5, p99Ms: 0.3, warning: null },
      trials: [{ title: "let . match line breaks (flag s)", pattern: "", matched: 200 }],
      failure: {
        rollout: null,
        matchedUpTo: "<a>",
        expected: "</a>",
        saw: "x · updating\n</a>",
        at: 3,
        text: "<a>x · updating\n</a>",
      },
    };
    const value = [{ text: '"mean · returned"', type: "string", count: 200 }];
    hoverOn(view({ sites: [site("JSON.parse(completion).score", { regex, kind: "regex" })] }), at("JSON.parse") + 2);
    hoverOn(view({ sites: [site("JSON.parse(completion).score", { top: value, distinct: 1 })] }), at("JSON.parse") + 2);
    hoverOn(
      view({ sites: [site("JSON.parse(completion).score", { reached: 0, rowsReached: 0 })] }),
      at("JSON.parse") + 2,
    );
    expect(seen.length).toBeGreaterThan(10);
    for (const markdown of seen) {
      // The findings of these tests are made up.
      const translated = say.markdown(markdown.replace(/^⚠.*$/m, ""));
      expect({ markdown, left: englishIn(translated) }).toEqual({ markdown, left: [] });
      const code = (text: string) => [...text.matchAll(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g)].map(([span]) => span);
      expect(code(translated)).toEqual(code(markdown.replace(/^⚠.*$/m, "")));
    }
  });

  test("the name of a reward stays, also when it is a word of ours", () => {
    const picture = "![Scores of location: 96 values from 0 to 1, mean 0.2](data:image/svg+xml;base64,AA==)";
    expect(say.markdown(picture)).toBe(
      "![location 的分数：96 个值，从 0 到 1，均值 0.2](data:image/svg+xml;base64,AA==)",
    );
    const probe = { title: "nothing at all", outcome: "passed" } as unknown as ProbeView;
    const expected = (expectation: string) => say.probe({ ...probe, expectation }).expectation;
    expect(["answer", "location", "type"].map((part) => expected(`more than a wrong ${part}`))).toEqual([
      "多于错误的答案",
      "多于错误的位置",
      "多于错误的类型",
    ]);
    expect(expected("at least as much as with a wrong answer (0.5)")).toBe("不少于错误答案时的 0.5");
  });

  test("lenses and values at the ends of lines", () => {
    const titles = rewardLenses(view())
      .map(say.lens)
      .map(({ title }) => title);
    expect(titles).toEqual([
      expect.stringContaining("0.5 ± 0.5 · 25 % 的组总分相同 · 17 个变化"),
      "查看",
      "探测",
      "评分范围…",
    ]);
    const sites = [
      site("catch {", { kind: "catch", reached: 61, thrown: [{ message: "E", count: 61, line: 6, rollout: null }] }),
    ];
    const [hint] = rewardHints(view({ sites }), "returns", 0, 100).map(say.hint);
    expect(hint!.label).toBe("捕获 61 次");
    expect(englishIn(hint!.tooltip.replaceAll("`E`", ""))).toEqual([]);
  });

  test("findings, their fixes and their rollouts, with names and numbers kept", () => {
    const message =
      "place gives 0 (its least) for all 96 completions: nothing can be learnt from it. Look at the expression that decides; a comparison or pattern probably never holds.";
    expect(translateMessage(message)).toBe(
      "place 对全部 96 个回答都给出 0（其最低分）：从中学不到任何东西。请看起决定作用的表达式；可能某个比较或模式从不成立。",
    );
    // A sentence of somebody's own in quotes is no sentence of ours.
    const quoted =
      'The pattern "a. B" matched 1 of 64 texts (2 %). An example that it missed: "Yes. Read both with the same parser.". Compare the two, and let the pattern allow what the model writes.';
    expect(translateMessage(quoted)).toContain('"Yes. Read both with the same parser."');
    expect(translateMessage(quoted)).toMatch(/^模式 "a. B" 匹配了 64 个文本中的 1 个/);
    expect(translateMessage("Something new. Add **kwargs.")).toBe("Something new. Add **kwargs.");
    const shown = view();
    const placed: PlacedFinding = {
      ...finding(),
      rollouts: [{ key: { step: 3, group: "g", index: 2 }, path: "/r", line: 4 }],
    };
    const [one] = rewardFindings(shown, [placed], () => null).map(say.finding);
    expect(one!.related![0]!.message).toBe("第 3 步组 g 的回答 2");
    expect(one!.fixes.at(-1)!.title).toBe("在此行忽略 RW104（异常变成了分数）");
  });

  test("every place of a sentence is kept", () => {
    for (const table of [rewardSentences, rewardSurfaceTexts, rewardPhrases]) {
      for (const [text, translated] of Object.entries(table)) {
        const places = (one: string) => [...one.matchAll(/\{\d\}/g)].map(([place]) => place).sort();
        expect(places(translated), text).toEqual(places(text));
      }
    }
  });

  test("other languages stay English", () => {
    expect(rewardTranslatorFor("de").markdown(seen[0]!)).toBe(seen[0]);
  });
});
