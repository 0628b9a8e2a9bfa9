/** Detectors on small made-up runs, with functions of this process in place of a runner: thresholds and what must not be reported. */
import { examineProgram } from "@iad-r1/server/rewards/analysis/examine";
import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { failed, type RewardOutcome, scored } from "@iad-r1/server/rewards/contract";
import type { RewardDeclaration, RewardProgram } from "@iad-r1/server/rewards/user/program";
import type { RewardRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { expect, it } from "vitest";

type Score = (row: RolloutRow, batch: readonly RolloutRow[]) => number | RewardOutcome;

function declare(name: string, extra: Partial<RewardDeclaration> = {}): RewardDeclaration {
  return {
    ...{
      name,
      language: "typescript",
      file: "/a.reward.ts",
      shape: "contract",
      scope: "sample",
      weight: 1,
      range: null,
    },
    ...{
      impure: false,
      isAsync: false,
      nameSpan: [0, 4],
      bodySpan: [0, 40],
      columns: [],
      takesKwargs: true,
      exportName: name,
    },
    ...extra,
  };
}

async function findings(
  rewards: Record<string, Score>,
  rows: readonly RolloutRow[],
  extra: Partial<RewardDeclaration> = {},
  callMs = 0.1,
  weights: Record<string, number> = {},
): Promise<Finding[]> {
  const program: RewardProgram = {
    ...{ file: "/a.reward.ts", language: "typescript", source: "x".repeat(40), hash: "", problems: [] },
    functions: Object.keys(rewards).map((name) => declare(name, extra)),
  };
  const runner: RewardRunner = {
    async score(name, asked) {
      const outcomes = asked.map((row) => {
        const value = rewards[name]!(row, asked);
        return typeof value === "number" ? scored(value) : value;
      });
      return { outcomes, rawLength: null, callMs: asked.map(() => callMs), recording: null, output: "" };
    },
    async close() {},
  };
  return (await examineProgram(program, rows, runner, { weights })).findings;
}
/** Nothing earns nothing. */
const words =
  (score: Score): Score =>
  (row, batch) =>
    row.completion === "" ? 0 : score(row, batch);
const ids = (list: readonly Finding[]) => list.map(({ id, function: name }) => `${id} ${name}`);

/** Groups of four; no truth, so that only what needs none is asked. */
function rowsOf(
  groups: number,
  make: (group: number, index: number) => Partial<RolloutRow> & { completion: string },
  steps = 1,
): RolloutRow[] {
  return Array.from({ length: groups * 4 }, (_, i): RolloutRow => {
    const [group, index] = [Math.floor(i / 4), i % 4];
    return {
      ...{ group: `${group}`, index, prompt: null, solution: null, columns: {} },
      ...(steps > 1 && { step: Math.floor((group * steps) / groups) }),
      ...make(group, index),
    };
  });
}
const letters = rowsOf(16, (group, index) => ({ completion: `text ${group} ${"abcd"[index]}` }));

it("a reward that differs in each group has no finding", async () => {
  expect(
    await findings(
      { last: ({ completion }) => (completion.endsWith("a") || completion.endsWith("b") ? 1 : 0) },
      letters,
    ),
  ).toEqual([]);
});

it("constant is told from 64 completions on, and not together with flat groups", async () => {
  expect(ids(await findings({ same: ({ completion }) => (completion === "" ? 0 : 1) }, letters))).toEqual([
    "RW105 same",
  ]);
  expect(await findings({ same: ({ completion }) => (completion === "" ? 0 : 1) }, letters.slice(0, 60))).toEqual([]);
});

it("more than half of the groups must be flat, and the three reasons are told apart", async () => {
  // Groups 0 to 4 are all right, 5 to 8 all wrong in different words; the others differ.
  const byGroup: Score = ({ group, index }) => (Number(group) < 5 ? 1 : Number(group) < 9 ? 0 : index % 2);
  const [finding, ...others] = await findings({ r: words(byGroup) }, letters);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    id: "RW106",
    evidence: { numbers: { flat: 9, groups: 16, allRight: 5, allWrong: 4, sameWrongWay: 0 } },
  });
  expect(finding!.message).toContain("curriculum");
  const same = letters.map((row) => (Number(row.group) < 9 ? { ...row, completion: `only ${row.group}` } : row));
  const wrong: Score = ({ group, index }) => (Number(group) < 9 ? 0 : index % 2);
  expect((await findings({ r: words(wrong) }, same))[0]).toMatchObject({
    id: "RW106",
    evidence: { numbers: { sameWrongWay: 9 } },
  });
  const half: Score = ({ group, index }) => (Number(group) < 8 ? 1 : index % 2);
  expect(await findings({ r: words(half) }, letters)).toEqual([]);
});

it("a share of the variance counts only beside another reward that varies", async () => {
  const loud: Score = ({ index }) => 10 * (index % 2);
  const quiet: Score = ({ index }) => Number(index > 1);
  const silent: Score = ({ completion }) => (completion === "" ? 0 : 0.5);
  expect(ids(await findings({ loud, quiet }, letters))).toContain("RW108 loud");
  expect(ids(await findings({ loud, silent }, letters))).toEqual(["RW105 silent"]);
});

it("failures above five in a hundred are told once, with the words of the failure", async () => {
  const list = await findings(
    { r: ({ group, index }) => (group === "3" ? failed("no tag", "raised") : index % 2) },
    letters,
  );
  expect(ids(list)).toEqual(["RW104 r"]);
  expect(list[0]!.evidence).toMatchObject({ numbers: { raised: 4, share: 1 / 16 }, text: "no tag" });
  expect(
    await findings(
      { r: ({ group, index }) => (group === "3" && index < 3 ? failed("no tag", "raised") : index % 2) },
      letters,
    ),
  ).toEqual([]);
});

it("what depends on the batch is told from what is not deterministic", async () => {
  const relative: Score = (row, batch) => row.completion.length + Number(batch.indexOf(row) === 0);
  expect(ids(await findings({ r: ({ index }, batch) => index / batch.length }, letters))).not.toContain("RW115 r");
  expect(ids(await findings({ relative }, letters))).toContain("RW116 relative");
  let calls = 0;
  expect(ids(await findings({ r: ({ index }) => index + 0.001 * calls++ }, letters))).toContain("RW115 r");
});

it("only the last eight recorded steps are looked at", async () => {
  const rows = rowsOf(40, (group, index) => ({ completion: `t ${group} ${index}` }), 10);
  // The first two steps are flat; in the scope nothing is.
  expect(await findings({ r: ({ step, index }) => (step! < 2 ? 0 : index % 2) }, rows)).toEqual([]);
});

it("a group reward is probed among recorded siblings: what it pays is only seen beside them", async () => {
  const truths = ["<answer>Yes</answer><type>hole</type>", "<answer>No</answer>"];
  const rows = rowsOf(16, (group, index) => ({
    completion: `<think>1</think><answer>${["Yes", "No", "Perhaps", ""][index]}</answer>`,
    solution: truths[group % 2]!,
  }));
  const said = (text: string) => /<answer>(.*?)<\/answer>/.exec(text)?.[1] ?? "";
  /** The share of the group that it beats; alone it beats nobody. */
  const rank = (worth: (row: RolloutRow) => number): Score => {
    return (row, batch) => {
      const siblings = batch.filter(({ group }) => group === row.group);
      return siblings.filter((other) => worth(other) < worth(row)).length / Math.max(1, siblings.length - 1);
    };
  };
  const right = rank(({ completion, solution }) => (said(completion) === said(solution!) ? 1 : 0));
  // Pays any answer, and the right one hardly more.
  const loose = rank(({ completion, solution }) =>
    said(completion) === "" ? 0 : said(completion) === said(solution!) ? 2 : 1,
  );
  const of = async (score: Score) => ids(await findings({ r: score }, rows, { scope: "group" }));
  expect(await of(loose)).toContain("RW119 r");
  expect(await of(right)).not.toContain("RW119 r");
});

it("rewards that take more than a tenth of a step are slow, by the times that a run recorded with each rollout", async () => {
  const timed = (rewardMs: number) =>
    letters.map((row) => ({
      ...row,
      recorded: {
        ...{ promptHash: "", notes: {}, refKl: null, entropy: 0, meanLogProb: 0, imageRefs: [] },
        timings: { generateMs: 80, rewardMs },
      },
    }));
  const score: Score = ({ index }) => index % 2;
  expect(ids(await findings({ r: score }, timed(8)))).not.toContain("RW114 r");
  const slow = (await findings({ r: score }, timed(20))).find(({ id }) => id === "RW114")!;
  expect(slow.evidence.numbers.stepShare).toBeCloseTo(0.2, 6);
  expect(slow.message).toContain("20 % of the recorded time of a step");
  // It was not this one that took the time: the others did, or the start of their processes.
  expect(ids(await findings({ r: score }, timed(20), {}, 0.006))).not.toContain("RW114 r");
});

it("the total is that of the run: with its weights, also where it puts a file before a name", async () => {
  const [loud, quiet]: [Score, Score] = [words(({ index }) => index % 2), words(({ index }) => Number(index > 1))];
  const rows = letters.map((row) => ({
    ...row,
    rewards: { "a.reward.ts#loud": 0, quiet: 0, other: row.index === 3 ? 1 : 0 },
  }));
  expect(ids(await findings({ loud, quiet }, rows))).not.toContain("RW108 loud");
  const weights = { "a.reward.ts#loud": 10, quiet: 1, other: 1 };
  expect(ids(await findings({ loud, quiet }, rows, {}, 0.1, weights))).toContain("RW108 loud");
});

it("empty siblings are told once, however many rewards the file has", async () => {
  const rows = letters.map((row) => (row.index === 0 ? { ...row, completion: "" } : row));
  const rewards = { one: words(({ index }) => index % 2), two: words(({ index }) => index % 3) };
  expect(ids(await findings(rewards, rows)).filter((id) => id.startsWith("RW121"))).toEqual(["RW121 one"]);
});

it("what other rows' answers earn is no fault where only a part of them is judged, and it differs for most", async () => {
  const truths = ["crack", "hole", "dent", "stain", "crack"].map((label, i) =>
    JSON.stringify({ box: [i, i + 1], label }),
  );
  const rows = rowsOf(16, (group, index) => ({
    ...{ solution: truths[group % 5]!, prompt: "Where?" },
    completion: index === 0 ? `<answer>${truths[group % 5]}</answer>` : `<answer>${index}</answer>`,
  }));
  const label = (text: string | null) => /"label":"(\w+)"/.exec(text ?? "")?.[1] ?? null;
  const part: Score = ({ completion, solution }) =>
    label(completion) !== null && label(completion) === label(String(solution)) ? 1 : 0;
  expect(ids(await findings({ part }, rows))).not.toContain("RW119 part");
  const worked = rows.map((row) => ({
    ...row,
    solution: `3 times ${row.group}1 is 3${row.group}3\n#### 3${row.group}3`,
  }));
  const sound: Score = ({ completion, solution }) =>
    new RegExp(`(?<!\\d)${String(solution).split("#### ")[1]}(?!\\d|, \\d)`).test(completion) ? 1 : 0;
  expect(ids(await findings({ sound }, worked))).not.toContain("RW119 sound");
});

it("where chance decides, nothing is said about truths and the evaluation either", async () => {
  let seed = 1;
  const chance: Score = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed % 2;
  };
  const rows = rowsOf(16, (group, index) => ({
    solution: `<answer>${group % 2 === 0 ? "Yes" : "No"}</answer>`,
    completion: `<answer>${index % 2 === 0 ? "Yes" : "No"}</answer>`,
  }));
  expect([...new Set(await findings({ chance }, rows).then((list) => list.map(({ id }) => id)))]).toEqual(["RW115"]);
});
