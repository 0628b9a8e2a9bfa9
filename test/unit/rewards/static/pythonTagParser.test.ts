/** The fix of RW112 that reads an element with the tag parser in Python: when it is offered, what it writes, and that the file works then. */
import { parseTags } from "@iad-r1/server/rewards/tags";
import { staticFindings } from "@iad-r1/server/rewards/static/staticFindings";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { describe, expect, onTestFinished, test } from "vitest";

/** The text after the fix; null where it is not offered. */
async function fixed(source: string, element: string): Promise<string | null> {
  const findings = await staticFindings(discoverRewards("/project/x.py", source));
  const fixes = findings.flatMap(({ id, fixes: all }) => (id === "RW112" ? all : []));
  const fix = fixes.find(({ title }) => title === `Read <${element}> with the tag parser`);
  if (fix === undefined) return null;
  return [...fix.edits]
    .sort((a, b) => b.start - a.start)
    .reduce((text, { start, end, text: by }) => text.slice(0, start) + by + text.slice(end), source);
}

const reward = (body: string, head = "import re\n") => `${head}
def reward(completions, solution, **kwargs):
    rewards = []
    for completion, truth in zip(completions, solution):
${body.replaceAll(/^/gm, "        ")}
    return rewards
`;

const row = (completion: string, index: number): RolloutRow => ({
  ...{ group: "a", index, prompt: null, completion, solution: "<answer>Yes</answer>", columns: {} },
});

async function scoresOf(source: string, completions: readonly string[]) {
  const runner = startRunner(discoverRewards("/project/x.py", source));
  onTestFinished(() => runner.close());
  const { outcomes } = await runner.score("reward", completions.map(row));
  return outcomes.map((outcome) => (outcome.status === "ok" ? outcome.score : outcome.status));
}

const answer = 'r"<answer>(.*?)</answer>"';

describe("what is written", () => {
  test.each([
    [
      `match = re.search(${answer}, completion)\nrewards.append(1.0 if match and match.group(1).strip() == "Yes" else 0.0)`,
      `match = read_tags(completion).get("answer")\nrewards.append(1.0 if match is not None and match.strip() == "Yes" else 0.0)`,
    ],
    [
      `match = re.match(${answer}, completion, re.I)\nif not match:\n    rewards.append(0.0)\n    continue\nrewards.append(float(match[1] == "Yes"))`,
      `match = read_tags(completion).get("answer")\nif match is None:\n    rewards.append(0.0)\n    continue\nrewards.append(float(match == "Yes"))`,
    ],
    [
      `if (found := re.search(r"<answer>(?P<body>.*)</answer>", completion)) is None or not bool(found):\n    rewards.append(0.0)\nelse:\n    rewards.append(float(found["body"] == found.group("body")))`,
      `if (found := read_tags(completion).get("answer")) is None or not (found is not None):\n    rewards.append(0.0)\nelse:\n    rewards.append(float(found == found))`,
    ],
    [
      `try:\n    said = re.search(${answer}, completion).group(1).strip()\nexcept AttributeError:\n    said = None\nrewards.append(float(said == "Yes"))`,
      `try:\n    said = read_tags(completion).get("answer").strip()\nexcept AttributeError:\n    said = None\nrewards.append(float(said == "Yes"))`,
    ],
    // One name for two matches.
    [
      `match = re.search(${answer}, completion)\nsaid = match.group(1) if match else ""\nmatch = re.search(r"<answer>(Yes|No)</answer>", truth)\nrewards.append(1.0 if said and match else 0.0)`,
      `match = read_tags(completion).get("answer")\nsaid = match if match is not None else ""\nmatch = re.search(r"<answer>(Yes|No)</answer>", truth)\nrewards.append(1.0 if said and match else 0.0)`,
    ],
    [
      `rewards.append(0.5 * bool(re.search(${answer}, completion)) + (0.5 if re.search(r"<answer>Yes</answer>", completion) else 0.0))`,
      `rewards.append(0.5 * (read_tags(completion).get("answer") is not None) + (0.5 if re.search(r"<answer>Yes</answer>", completion) else 0.0))`,
    ],
  ])("%s", async (body, expected) => {
    const text = (await fixed(reward(body), "answer"))!;
    expect(text).toContain(expected.replaceAll(/^/gm, "        "));
    // The same scores where there was nothing to misread, and it reads what the pattern missed.
    const plain = ["<answer>Yes</answer>", "<answer>No</answer>", "nothing", "<answer></answer>"];
    expect(await scoresOf(text, plain)).toEqual(await scoresOf(reward(body), plain));
    expect(await scoresOf(text, ["<answer>\nYes\n</answer>"])).not.toEqual([0]);
  });

  test("a constant pattern is read with the parser wherever it is used, or nowhere", async () => {
    const head = `import re\nANSWER = re.compile(${answer})\n`;
    const body = "rewards.append(1.0 if ANSWER.search(completion) and ANSWER.search(truth) else 0.0)";
    expect(await fixed(reward(body, head), "answer")).toContain(
      'read_tags(completion).get("answer") is not None and read_tags(truth).get("answer") is not None',
    );
    expect(await fixed(reward(body.replace("ANSWER.search(truth)", "ANSWER.findall(truth)"), head), "answer")).toBe(
      null,
    );
  });

  test("the parser stands once in the file, behind the imports, under a free name", async () => {
    const body = `rewards.append(1.0 if re.search(${answer}, completion) else 0.0)\nif re.search(r"<type>.*</type>", truth):\n    pass`;
    const once = (await fixed(reward(body), "answer"))!;
    expect(once).toMatch(/^import re\n\n\ndef read_tags\(text\):\n/);
    const twice = (await fixed(once, "type"))!;
    expect(twice.match(/def read_tags/g)).toHaveLength(1);
    expect(await fixed(reward(body, "import re\nread_tags = 3\n"), "answer")).toContain("read_tags_2(completion)");
    const imported = (await fixed(reward(body, "import re\nfrom iadr1_tags import read_tags as tags\n"), "answer"))!;
    expect(imported).toContain('tags(completion).get("answer") is not None');
    expect(imported).not.toContain("def tags");
    // A marker stays above its reward, first lines stay first, and line ends are those of the file.
    const marked = reward(body, "#!/usr/bin/env python\n# iad-r1: reward weight=2").replace(
      "    rewards",
      "    import re\n    rewards",
    );
    const windows = (await fixed(marked.replaceAll("\n", "\r\n"), "answer"))!;
    expect(windows.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(windows).toMatch(/^#!\/usr\/bin\/env python\r\ndef read_tags[\s\S]*# iad-r1: reward weight=2\r\ndef reward/);
    expect(discoverRewards("/project/x.py", windows).functions).toMatchObject([{ name: "reward", weight: 2 }]);
    expect(await scoresOf(windows, ["<Answer>\nYes</answer>"])).toEqual([1]);
  });
});

test.each([
  [
    "more of the match",
    `match = re.search(${answer}, completion)\nrewards.append(float(match.start()) if match else 0.0)`,
  ],
  [
    "the whole match",
    `match = re.search(${answer}, completion)\nrewards.append(float(len(match.group(0))) if match else 0.0)`,
  ],
  ["the match itself", `match = re.search(${answer}, completion)\nrewards.append(float(len(str(match))))`],
  [
    "a truth that is a value",
    `match = re.search(${answer}, completion)\nrewards.append(float((match and match.group(1)) == "Yes"))`,
  ],
  ["an exception that would be another", `rewards.append(float(re.search(${answer}, completion).group(1) == "Yes"))`],
  [
    "two ways to one name",
    `if truth:\n    match = re.search(${answer}, completion)\nelse:\n    match = None\nrewards.append(1.0 if match else 0.0)`,
  ],
  [
    "a name of the module",
    `global match\nmatch = re.search(${answer}, completion)\nrewards.append(1.0 if match else 0.0)`,
  ],
  [
    "a pattern of several elements",
    'rewards.append(1.0 if re.search(r"<think>.*</think><answer>.*</answer>", completion) else 0.0)',
  ],
  ["another element", 'rewards.append(1.0 if re.search(r"<part>.*</part>", completion) else 0.0)'],
  ["a certain text", 'rewards.append(1.0 if re.search(r"<answer>a.*b</answer>", completion) else 0.0)'],
  [
    "an f-string around it",
    `match = re.search(${answer}, completion)\nrewards.append(float(len(f"{match.group(1)}")) if match else 0.0)`,
  ],
])("not offered for %s", async (_, body) => {
  expect(await fixed(reward(body), "answer")).toBeNull();
});

test("read_tags reads what parseTags reads", async () => {
  const body = `import re\nmatch = re.search(${answer}, completion)\nrewards.append(1.0 if match else 0.0)`;
  const text = (await fixed(reward(body), "answer"))!.replace(
    "    return rewards",
    "    log_extra = kwargs['log_extra']\n    log_extra('read', [__import__('json').dumps(read_tags(one)) for one in completions])\n    return rewards",
  );
  const names = ["think", "location", "type", "answer", "description"] as const;
  const pieces = [...names.flatMap((name) => [`<${name}>`, `</${name}>`, `<${name.toUpperCase()}>`]), "", " ", "\n"];
  pieces.push(
    "a",
    "<",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "\u0131",
    "< answer>",
    "<\u017fpan>",
    "😀",
    "<locat\u0131on>",
    "\u001f",
  );
  let state = 7;
  const pick = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return pieces[Math.floor((state / 2 ** 32) * pieces.length)]!;
  };
  const texts = Array.from({ length: 3000 }, (_, i) => Array.from({ length: 1 + (i % 14) }, pick).join(""));
  const runner = startRunner(discoverRewards("/project/x.py", text));
  onTestFinished(() => runner.close());
  const { outcomes } = await runner.score("reward", texts.map(row), { wallMs: 60_000 });
  const read = outcomes.map((outcome) => (outcome.status === "ok" ? String(outcome.notes?.read) : outcome.status));
  const expected = texts.map((one) => {
    const tags = parseTags(one);
    const bodies = { ...tags, answer: tags.answerText };
    return Object.fromEntries(names.flatMap((name) => (bodies[name] === null ? [] : [[name, bodies[name]]])));
  });
  // Notes are cut at a length that these texts do not reach.
  expect(read.map((one) => JSON.parse(one) as unknown)).toEqual(expected);
  expect(expected.filter((one) => Object.keys(one).length > 1).length).toBeGreaterThan(300);
});
