/**
 * What the debugger finds in the published rewards, in both languages, on rollouts of the embedded model: every behaviour of section 15 of the
 * reference that concerns rewards, what they read and what they are asked with. UPDATE_GOLDEN=1 writes the table of the page anew.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { judgeSavedProbe, parseProbeFile, probeRow } from "@iad-r1/server/rewards/analysis/probeFile";
import { trainingMessages } from "@iad-r1/server/data/messages";
import { checkProgram, readRewardProgram } from "@iad-r1/server/rewards/check/checkFile";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { expect, onTestFinished, test } from "vitest";

const folder = fileURLToPath(new URL("../../../../samples/rewards/", import.meta.url));
const corpus = fileURLToPath(new URL("../../../fixtures/rewardCorpus/", import.meta.url));
const page = fileURLToPath(new URL("../../../../docs/reward-debugger.md", import.meta.url));

/** A behaviour of section 15, and where it must be found. */
interface Hazard {
  /** Number in section 15, or the section that describes it. */
  item: string;
  /** The corpus has it in Python alone. */
  isPythonOnly?: true;
  behaviour: string;
  file: string;
  reward: string;
  /** One id; another one in TypeScript where the language has another form of the fault. */
  id: string;
  typescriptId?: string;
  /** Part of the message that is about this behaviour. */
  says: RegExp;
  typescriptSays?: RegExp;
}

const pair = "published";
const form = { file: pair, reward: "consistency_reward" };
const accuracy = { file: pair, reward: "accuracy_reward" };
const nonsense = { ...accuracy, id: "RW119" };
const hazards: Hazard[] = [
  {
    ...{ item: "1", ...form, id: "RW101", says: /gives no value for 8 completions of 160/, typescriptId: "RW102" },
    typescriptSays: /no finite number for 8 completions of 160/,
    behaviour: "nothing is appended for a truth other than yes and no",
  },
  {
    ...{
      item: "2",
      ...form,
      id: "RW119",
      says: /the true answer with the opposite verdict earns 1 \(the true answer 1\)/,
    },
    behaviour: "structure is paid even if the answer contradicts it",
  },
  {
    ...{ item: "3", ...nonsense, says: /the true answer with the opposite verdict earns 1 \(the true answer 2\)/ },
    behaviour: "type and place are paid although the answer is No",
  },
  {
    ...{ item: "4", ...nonsense, says: /a full stop for a type earns 1\.93 \(the true answer 2\)/ },
    behaviour: "a type of punctuation alone is paid 0.85",
  },
  {
    ...{
      item: "5",
      ...accuracy,
      id: "RW118",
      says: /the type in other words \("worn"\) earns 1\.5, expected more than a wrong type/,
    },
    behaviour: "common words for defects are unknown",
  },
  {
    ...{ item: "6", ...nonsense, says: /words that only contain the place \("bright"\) earns 2 \(the true answer 2\)/ },
    behaviour: "places are looked for inside of words",
  },
  {
    ...{ item: "6", ...nonsense, says: /a place that is none earns 2 \(the true answer 2\); an empty place earns 2/ },
    behaviour: "no keyword means the centre",
  },
  {
    ...{ item: "7", file: "ablations", reward: "accuracy_reward_cot_wo_type", id: "RW118" },
    says: /the true answer without a place earns 0, at least 1 expected|without a place earns 0, expected/,
    behaviour: "a missing tag wipes out the point for the answer",
  },
  {
    ...{ item: "7", file: "ablations", reward: "accuracy_reward_cot_wo_location", id: "RW118" },
    says: /the true answer without a type earns 0, expected/,
    behaviour: "the same, where the place is left out",
  },
  {
    ...{
      item: "8",
      file: "system",
      reward: "consistency_reward",
      id: "RW124",
      says: /says \{Question\} as it stands in a template/,
    },
    behaviour: "the literal {Question} is sent in the system prompt",
  },
  {
    ...{
      item: "16",
      file: "anywhere_yes",
      isPythonOnly: true as const,
      reward: "verdict_reward",
      id: "RW120",
      says: /and the evaluation disagree on \d+ of \d+/,
    },
    behaviour: "answers are looked for inside of words and sentences",
  },
  {
    ...{
      item: "6.3",
      ...accuracy,
      id: "RW123",
      says: /at most 2 where the truth is anomalous and 1 where it is normal/,
    },
    behaviour: "a perfect answer earns 2 or 1, by the kind of truth",
  },
  {
    ...{ item: "7.2", ...accuracy, id: "RW104", says: /[Aa]ny exception|exception becomes a score/ },
    behaviour: "any exception becomes 0",
  },
];

/** Findings of a file on recorded rollouts, once for all tests. */
const checked = new Map<string, Promise<Finding[]>>();
function findingsOf(file: string, ending: string): Promise<Finding[]> {
  const key = `${file}${ending}`;
  let found = checked.get(key);
  if (found === undefined) {
    found = examined(file, ending);
    checked.set(key, found);
  }
  return found;
}

async function examined(file: string, ending: string): Promise<Finding[]> {
  if (file === "anywhere_yes") {
    const { rows } = await readRollouts(`${corpus}rollouts/inspection.jsonl`);
    return checkProgram(await readRewardProgram(`${corpus}rewards/anywhere_yes.py`), rows);
  }
  const { rows } = await readRollouts(`${folder}rollouts.jsonl`);
  if (file !== "system") return checkProgram(await readRewardProgram(`${folder}${file}${ending}`), rows);
  // The same completions, asked as the published system asks with its system prompt.
  const { messages } = trainingMessages(
    { image: "part.png", problem: "Are there any defects in the query image?" },
    { shots: 0, style: "system", imageRoot: "" },
  )!;
  return checkProgram(
    await readRewardProgram(`${folder}published${ending}`),
    rows.map((row) => ({ ...row, prompt: messages })),
  );
}

async function found(hazard: Hazard, ending: ".py" | ".reward.ts"): Promise<Finding> {
  const isPython = ending === ".py";
  const id = isPython ? hazard.id : (hazard.typescriptId ?? hazard.id);
  const says = isPython ? hazard.says : (hazard.typescriptSays ?? hazard.says);
  const all = await findingsOf(hazard.file, ending);
  const finding = all.find((one) => one.id === id && one.function === hazard.reward && says.test(one.message));
  const list = all.map((one) => `${one.id} ${one.function}: ${one.message}`).join("\n");
  expect(finding, `${hazard.item} ${id} of ${hazard.reward} among\n${list}`).toBeDefined();
  return finding!;
}

const endings = (hazard: Hazard) => (hazard.isPythonOnly ? ([".py"] as const) : ([".py", ".reward.ts"] as const));

test.each(hazards.flatMap((hazard) => endings(hazard).map((ending) => ({ hazard, ending }))))(
  "section 15, $hazard.item: $hazard.behaviour ($ending)",
  { timeout: 1_200_000 },
  async ({ hazard, ending }) => {
    await found(hazard, ending);
  },
);

test("the page about the findings has the table of all of them", { timeout: 1_200_000 }, async () => {
  const lines = ["| no. | behaviour | id | reward | message on the recorded rollouts |", "|---|---|---|---|---|"];
  for (const hazard of hazards) {
    const { message } = await found(hazard, ".py");
    const id = hazard.typescriptId === undefined ? hazard.id : `${hazard.id} (TypeScript: ${hazard.typescriptId})`;
    const place =
      hazard.file === pair ? "" : ` (${{ system: "published, system prompt" }[hazard.file] ?? hazard.file})`;
    const text = message.replaceAll("|", "\\|").replaceAll(/[<{]/g, (mark) => `\\${mark}`);
    lines.push(
      `| ${hazard.item} | ${hazard.behaviour.replace("{", "\\{")} | ${id} | \`${hazard.reward}\`${place} | ${text} |`,
    );
  }
  const table = lines.join("\n");
  const text = readFileSync(page, "utf8");
  const [, before, , after] = /^([\s\S]*<!-- hazards -->\n)([\s\S]*?)(\n<!-- \/hazards -->[\s\S]*)$/.exec(text)!;
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(page, before! + table + after!);
  expect(readFileSync(page, "utf8")).toBe(before! + table + after!);
});

test("verdict.reward.ts: its one fault is found, and the quick fix is the cure", { timeout: 600_000 }, async () => {
  const file = `${folder}verdict.reward.ts`;
  const { rows } = await readRollouts(`${folder}rollouts.jsonl`);
  const program = await readRewardProgram(file);
  const findings = await checkProgram(program, rows);
  expect(findings.map(({ id }) => id).sort()).toEqual(["RW105", "RW111"]);
  const fault = findings.find(({ id }) => id === "RW111")!;
  expect(fault.message).toContain("matched 0 of 152 texts");
  const [fix] = fault.fixes;
  expect(fix!.title).toBe("Ignore case");
  let corrected = program.source;
  for (const { start, end, text } of [...fix!.edits].reverse())
    corrected = corrected.slice(0, start) + text + corrected.slice(end);
  const again = await checkProgram(discoverRewards(file, corrected), rows);
  // What remains is about a data row.
  expect(again.map(({ id }) => id)).toEqual(["RW117"]);
});

test.each(["published.py", "published.reward.ts"])(
  "the saved probes hold for %s",
  { timeout: 120_000 },
  async (file) => {
    const program = await readRewardProgram(`${folder}${file}`);
    const probes = parseProbeFile(readFileSync(`${folder}published.probes.json`, "utf8"), "published.probes.json");
    const runner = startRunner(program);
    onTestFinished(() => runner.close());
    const outcomes = await Promise.all(
      program.functions.map(
        async ({ name }) => [name, (await runner.score(name, probes.map(probeRow))).outcomes] as const,
      ),
    );
    const weights = new Map(program.functions.map(({ name, weight }) => [name, weight]));
    const verdicts = probes.flatMap((probe, i) =>
      judgeSavedProbe(probe, new Map(outcomes.map(([name, list]) => [name, list[i]!])), weights),
    );
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    expect(verdicts.length).toBe(7);
  },
);
