/** Experiment files, perception recipes, rewards and lines of completions that cannot be used. */
import { createReadStream, mkdirSync, truncateSync } from "node:fs";
import { loadExperiment } from "@iad-r1/server/config/parseExperiment";
import { loadPerceptionConfig } from "@iad-r1/server/config/perception";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { scoreRewardFile } from "@iad-r1/server/rewards/scoreFile";
import { join } from "node:path";
import { type HarmlessCase, type HostileCase, put } from "../helpers/hostileCase";

const invalid = "config/invalid";
const file = "iadr1.yaml";

const sound = `model:
  base: model
data:
  train: {kind: synth, seed: 1, count: 8}
`;

/** An experiment file of this text. */
function yamlCase(name: string, text: string | Uint8Array, code: string, says: HostileCase["says"]): HostileCase {
  return {
    name,
    make: (context) => put(context, file, text),
    act: (_, path) => loadExperiment(path as string),
    code,
    says,
  };
}

/** The sound file with lines added. */
function linesCase(name: string, lines: string, ...says: HostileCase["says"]): HostileCase {
  return yamlCase(name, sound + lines, invalid, [file, ...says]);
}

function setCase(name: string, override: string, ...says: HostileCase["says"]): HostileCase {
  return {
    name,
    make: (context) => put(context, file, sound),
    act: (_, path) => loadExperiment(path as string, [override]),
    code: invalid,
    says,
  };
}

function recipeCase(name: string, text: string, code: string, says: HostileCase["says"]): HostileCase {
  return {
    name,
    make: (context) => put(context, "recipe.yaml", text),
    act: (_, path) => loadPerceptionConfig(path as string),
    code,
    says,
  };
}

/** Each level doubles what the one before holds. */
function aliasBomb(levels: number): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < levels; i++)
    lines.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(", ")}]`,
    );
  return `${lines.join("\n")}\n`;
}

function rewardCase(
  name: string,
  lines: string | Uint8Array,
  says: HostileCase["says"],
  rewards = ["iad-r1"],
): HostileCase {
  return {
    name,
    make: (context) => put(context, "completions.jsonl", lines),
    act: (_, path) => score(path as string, rewards),
    code: "reward/bad-line",
    says: ["completions.jsonl", ...says],
  };
}

async function score(path: string, rewards: readonly string[]): Promise<unknown> {
  const rows: unknown[] = [];
  const write = (row: string) => void rows.push(JSON.parse(row));
  await scoreRewardFile(createReadStream(path), createRewardRegistry().resolve(rewards), write, { where: path });
  return rows;
}

function namesCase(name: string, rewards: readonly string[], code: string, says: HostileCase["says"]): HostileCase {
  return { name, act: () => createRewardRegistry().resolve(rewards), code, says, nowhere: true };
}

export const settingsCases: HostileCase[] = [
  {
    name: "an experiment file that is not there",
    act: ({ folder }) => loadExperiment(join(folder, file)),
    code: "config/unreadable",
    says: [file, "ENOENT"],
  },
  {
    name: "a folder in place of the experiment file",
    make: ({ folder }) => mkdirSync(join(folder, file)),
    act: ({ folder }) => loadExperiment(join(folder, file)),
    code: "config/unreadable",
    says: [file, "a folder"],
  },
  {
    name: "an endless experiment file",
    act: () => loadExperiment("/dev/zero"),
    code: "config/unreadable",
    says: ["/dev/zero", "file"],
  },
  {
    name: "an experiment file of a terabyte",
    make: (context) => {
      const path = put(context, file, sound);
      truncateSync(path, 2 ** 40);
      return path;
    },
    act: (_, path) => loadExperiment(path as string),
    code: "config/too-large",
    says: ["1048576"],
  },
  yamlCase("an empty experiment file", "", invalid, ["model", "nothing"]),
  yamlCase("an experiment file that is a text", "train please", invalid, [":1:1", "keys and values"]),
  yamlCase("an experiment file that is a list", "- model\n", invalid, [":1:1", "keys and values"]),
  yamlCase("an experiment file with tabs", "model:\n\tbase: model\n", invalid, [":2:", /tab/i]),
  yamlCase("an experiment file with an open bracket", "model: {base: [\n", invalid, [/:\d+:\d+/]),
  yamlCase("an experiment file with a key twice", `${sound}model:\n  base: other\n`, invalid, [":5:", /unique/]),
  yamlCase(
    "an experiment file in Latin-1",
    Buffer.from(`${sound}project: gr\xf6\xdfe\n`, "latin1"),
    "config/unreadable",
    ["UTF-8"],
  ),
  yamlCase("an experiment file in UTF-16", Buffer.from(`\ufeff${sound}`, "utf16le"), "config/unreadable", ["UTF-8"]),
  yamlCase("an experiment file with a bomb of aliases", aliasBomb(12) + sound, invalid, [/alias/i]),
  yamlCase("an experiment file with an alias inside itself", `${sound}prompt: &p {style: *p}\n`, invalid, [/alias/i]),
  yamlCase("an experiment file with an unknown alias", `${sound}project: *nowhere\n`, invalid, ["nowhere"]),
  yamlCase(
    "an experiment file nested 20,000 deep",
    `${sound}prompt: ${"[".repeat(20_000)}${"]".repeat(20_000)}\n`,
    invalid,
    ["nested"],
  ),
  yamlCase("an experiment file with two documents", `${sound}---\n${sound}`, invalid, [/document/]),
  yamlCase(
    "an experiment file that names code to run",
    `${sound}project: !!js/function 'function () { process.exit(3) }'\n`,
    invalid,
    [/tag/i],
  ),
  linesCase("an unknown key at the top", "modell: x\n", ":5:1", "modell", "model"),
  linesCase("an unknown key deep inside", "stages:\n  paSft:\n    learning_rate: 1\n", ":7:", "learningRate"),
  linesCase("a learning rate that is a text", "stages: {paSft: {learningRate: fast}}\n", "learningRate", "fast"),
  linesCase("a learning rate of infinity", "stages: {paSft: {learningRate: .inf}}\n", "learningRate"),
  linesCase("a learning rate that is not a number", "stages: {paSft: {learningRate: .nan}}\n", "learningRate"),
  linesCase("a negative number of steps", "stages: {scGrpo: {steps: -1}}\n", "steps", "-1"),
  linesCase("half a batch", "stages: {paSft: {batchSize: 1.5}}\n", "batchSize", "1.5"),
  linesCase("a group of one", "stages: {scGrpo: {groupSize: 1}}\n", "groupSize", "1"),
  linesCase("a temperature of zero while sampling", "stages: {scGrpo: {temperature: 0}}\n", "temperature", "0"),
  linesCase("a loss that does not exist", "stages: {scGrpo: {lossType: ppo}}\n", "lossType", "ppo", "dapo"),
  linesCase(
    "an upper bound below the lower one",
    "stages: {scGrpo: {epsilonLow: 0.3, epsilonHigh: 0.1}}\n",
    "epsilonHigh",
    "0.1",
  ),
  linesCase("a reward list that is a text", "stages: {scGrpo: {rewards: iad-r1}}\n", "rewards"),
  linesCase("an empty reward list", "stages: {scGrpo: {rewards: []}}\n", "rewards"),
  linesCase("a momentum of one", "stages: {paSft: {beta1: 1}}\n", "beta1", "1"),
  linesCase("a device that does not exist", "device: tpu\n", "device", "tpu", "cpu"),
  linesCase("a seed that is a text", "seed: lucky\n", "seed", "lucky"),
  linesCase("a null where a section belongs", "stages: null\n", "stages"),
  yamlCase(
    "training and held-out images of one seed",
    `${sound}  heldOut: {kind: synth, seed: 1, count: 8}\n`,
    invalid,
    ["heldOut", "another seed"],
  ),
  yamlCase("a data source of an unknown kind", sound.replace("synth, seed: 1, count: 8", "web, path: x"), invalid, [
    "kind",
    "web",
  ]),
  yamlCase("a data source without a path", sound.replace("synth, seed: 1, count: 8", "folder"), invalid, ["path"]),
  yamlCase("more synthetic images than numbers", sound.replace("count: 8", "count: 1e30"), invalid, ["count"]),
  yamlCase(
    "synthetic images of a million pixels a side",
    sound.replace("count: 8", "count: 8, size: 1000000"),
    invalid,
    ["size", "1000000"],
  ),
  linesCase("a rank of a million", "stages: {paSft: {lora: {r: 1000000}}}\n", "r", "1000000"),
  linesCase("a million threads", "threads: 1000000\n", "threads", "1000000"),
  setCase("an override without a value", "stages.paSft.epochs", "--set stages.paSft.epochs", "key.path=value"),
  setCase("an override of a key that does not exist", "stages.paSft.epocs=2", "epocs", "epochs"),
  setCase("an override of a wrong type", "seed=abc", "--set seed", "abc"),
  setCase("an override that goes through a value", "seed.deep.path=1", "seed"),
  setCase("an override that is broken YAML", "seed=[1,", "--set seed"),
  setCase("an override of the prototype", "__proto__.polluted=1", "__proto__"),

  recipeCase("a perception recipe that is no YAML", "phases: [\n", invalid, ["recipe.yaml"]),
  recipeCase("a perception recipe without phases", "model: a\noutput: b\nphases: []\n", invalid, ["phases"]),
  recipeCase("a perception recipe with a bomb of aliases", aliasBomb(12), invalid, [/alias/i]),
  recipeCase("a perception recipe with an unknown key", "model: a\noutput: b\nphase: []\n", invalid, ["phase"]),

  rewardCase("a line of completions that is no JSON", '{"completion": "a", "solution": "b"}\nnot json\n', [
    "line 2",
    "not JSON",
  ]),
  rewardCase("a line that is a list", "[1]\n", ["line 1", "a list"]),
  rewardCase("a line that is a number", "\n\n3\n", ["line 3", "3"]),
  rewardCase("a line without completion", '{"solution": "x"}\n', ["line 1", "completion"]),
  rewardCase("a line whose completion is a list of texts", '{"completion": ["x"]}\n', ["line 1", "content"]),
  rewardCase("a line that is not UTF-8", Buffer.from('{"completion": "\xff"}\n', "latin1"), ["line 1", "UTF-8"]),
  rewardCase("completions in UTF-16", Buffer.from('\ufeff{"completion": "x"}\n', "utf16le"), ["line 1"]),
  rewardCase("a line cut at the end of the file", '{"completion": "a", "solution": "b"}\n{"completion": "a', [
    "line 2",
    "not JSON",
  ]),
  rewardCase("a line nested 100,000 deep", `{"completion": ${"[".repeat(100_000)}${"]".repeat(100_000)}}\n`, [
    "line 1",
  ]),
  {
    name: "a line of completions longer than 64 MB",
    make: (context) => {
      const path = put(context, "completions.jsonl", '{"completion": "');
      truncateSync(path, 80 * 2 ** 20);
      return path;
    },
    act: (_, path) => score(path as string, ["iad-r1"]),
    code: "reward/bad-line",
    says: ["line 1", "67108864"],
  },
  namesCase("a reward that does not exist", ["iad-r1/acuracy"], "reward/unknown-name", ["acuracy", "iad-r1/accuracy"]),
  namesCase("a reward named like JavaScript's own", ["constructor"], "reward/unknown-name", ["constructor"]),
  namesCase("a reward name of a megabyte", ["x".repeat(2 ** 20)], "reward/unknown-name", ["xxx"]),
  namesCase("a reward used twice", ["iad-r1", "iad-r1/accuracy"], "reward/duplicate", ["iad-r1/accuracy", "twice"]),
  namesCase("no reward at all", [], "reward/none", ["at least one"]),
];

const answer = "<think>x</think><location>center</location><type>scratch</type><answer>Yes</answer>";

export const oddSettings: HarmlessCase[] = [
  {
    name: "an experiment file with a byte order mark and Windows line ends",
    make: (context) => put(context, file, `\ufeff${sound.replaceAll("\n", "\r\n")}`),
    act: (_, path) => loadExperiment(path as string).data.train.map(({ kind }) => kind),
    gives: ["synth"],
  },
  {
    name: "completions with blank lines, Windows line ends and a completion of 200,000 characters",
    make: (context) => {
      const rows = [answer, `${answer}${"<think>".repeat(30_000)}`].map((completion) =>
        JSON.stringify({ completion, solution: answer }),
      );
      return put(context, "completions.jsonl", `${rows.join("\r\n\r\n")}\r\n`);
    },
    act: async (_, path) =>
      ((await score(path as string, ["iad-r1"])) as { status: Record<string, string> }[]).map(({ status }) =>
        Object.values(status),
      ),
    gives: [
      ["ok", "ok"],
      ["ok", "ok"],
    ],
  },
];
