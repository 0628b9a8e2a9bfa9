/**
 * Findings from the text of Python rewards, each with cases where it must and must not appear; and our reading of Python's patterns
 * against Python itself. Needs a plain Python 3.9 or newer, no package.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { withSyntaxProblem } from "@iad-r1/server/rewards/check/checkFile";
import { matchAll } from "@iad-r1/server/rewards/static/explainMiss";
import { parsePattern } from "@iad-r1/server/rewards/static/parsePattern";
import { staticFindings } from "@iad-r1/server/rewards/static/staticFindings";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { findPython } from "@iad-r1/server/runtime/python";
import { describe, expect, it } from "vitest";

async function found(source: string, columns: readonly string[] | null = null) {
  const findings = await staticFindings(discoverRewards("/project/x.py", source), { columns });
  return findings.map((finding) => ({
    id: finding.id,
    text: source.slice(finding.start, finding.end),
    fixed: finding.fixes.map(({ edits }) => applied(source, edits)),
    finding,
  }));
}

function applied(source: string, edits: Finding["fixes"][number]["edits"]): string {
  let text = source;
  for (const { start, end, text: by } of [...edits].sort((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + by + text.slice(end);
  }
  return text;
}

/** A reward with this body in its loop over completions. */
const loop = (body: string, head = "def reward(completions, answer, **kwargs):", before = "import re") => `${before}
${head}
    rewards = []
    for completion, truth in zip(completions, answer):
${body.replaceAll(/^/gm, "        ")}
    return rewards
`;

const idsOf = async (source: string, columns: readonly string[] | null = null) =>
  (await found(source, columns)).map(({ id }) => id);

describe("findings from Python text", () => {
  it("RW101: ways through the loop without a value, with the branch", async () => {
    const branches = loop('if truth == "yes":\n    rewards.append(1.0)\nelif truth == "no":\n    rewards.append(0.0)');
    const [one] = await found(branches);
    expect(one).toMatchObject({
      id: "RW101",
      text: 'elif truth == "no"',
      finding: { severity: "error", function: "reward" },
    });
    expect(one!.finding.message).toContain("where neither truth == 'yes' nor truth == 'no'");
    expect(one!.fixed[0]).toContain(
      "            rewards.append(0.0)\n        else:\n            rewards.append(None)\n    return",
    );
    expect(await idsOf(one!.fixed[0]!)).toEqual([]);
    const [two] = await found(loop("if not completion:\n    continue\nrewards.append(1.0)"));
    expect(two).toMatchObject({ id: "RW101", text: "if not completion" });
    expect(two!.fixed[0]).toContain("rewards.append(None); continue");
    expect(await idsOf(loop("try:\n    rewards.append(float(completion))\nexcept ValueError:\n    pass"))).toEqual([
      "RW101",
    ]);
    expect(await idsOf(loop("if truth:\n    break\nrewards.append(1.0)"))).toEqual(["RW101"]);
    expect(await idsOf(loop("if truth:\n    rewards.append(1.0)\nrewards.append(0.5)"))).toEqual(["RW101"]);
    expect(await idsOf("def reward(completions, **kwargs):\n    return 0\n")).toEqual(["RW101"]);
  });

  it("RW101: not when every way adds one value, or that cannot be told", async () => {
    for (const body of [
      "rewards.append(1.0 if truth in completion else 0.0)",
      "try:\n    value = float(completion)\nexcept ValueError:\n    rewards.append(None)\n    continue\nrewards.append(value)",
      "if truth:\n    raise ValueError(truth)\nrewards.append(1.0)",
      'with open("x") as f:\n    rewards.append(1.0)',
      "for part in completion:\n    if part == truth:\n        rewards.append(1.0)\n        break\nelse:\n    rewards.append(0.0)",
      "score = 0.0\nif truth:\n    score = 1.0\nrewards.append(score)",
    ]) {
      expect(await idsOf(loop(body)), body).toEqual([]);
    }
    const helper = `def words(text):\n    found = []\n    for word in text.split():\n        if word:\n            found.append(word)\n    return found\n`;
    expect(await idsOf(`${helper}${loop("rewards.append(len(words(completion)) / 9)", undefined, "")}`)).toEqual([]);
  });

  it("RW102: texts and truths among the values", async () => {
    const [one, two] = await found(loop('rewards.append("1.0" if truth == completion else completion == "")'));
    expect(one).toMatchObject({ id: "RW102", text: '"1.0"' });
    expect(one!.fixed[0]).toContain('rewards.append(1.0 if truth == completion else completion == "")');
    expect(two).toMatchObject({ id: "RW102", text: 'completion == ""' });
    expect(two!.fixed[0]).toContain('else float(completion == ""))');
    expect(await idsOf("def reward(completions, **kwargs):\n    return [c == '' for c in completions]\n")).toEqual([
      "RW102",
    ]);
    expect(await idsOf("def reward(completions, **kwargs):\n    return [len(c) / 9 for c in completions]\n")).toEqual(
      [],
    );
  });

  it("RW103: columns, **kwargs and arguments by position", async () => {
    const ok = "rewards.append(1.0)";
    expect(await idsOf(loop(ok), ["answer"])).toEqual([]);
    const [one] = await found(
      loop(ok, "def reward(completions, ground_truths, **kwargs):".replace("ground_truths", "answer")),
      ["answers", "image"],
    );
    expect(one).toMatchObject({ id: "RW103", text: "answer", finding: { severity: "error" } });
    expect(one!.finding.message).toContain("they have answers, image");
    expect(one!.fixed[0]).toContain("def reward(completions, answers, **kwargs):");
    expect(one!.fixed[0]).toContain("zip(completions, answers)");
    const [two] = await found(loop(ok, "def reward(completions, answer=None):"));
    expect(two).toMatchObject({ id: "RW103", text: "reward" });
    expect(two!.fixed[0]).toContain("def reward(completions, answer=None, **kwargs):");
    expect(await idsOf(loop(ok, "def reward(completions, answer, /, **kwargs):"))).toEqual(["RW103", "RW103"]);
    expect(await idsOf(loop(ok, "def reward(completions, answer=None, **kwargs):"), ["image"])).toEqual([]);
  });

  it("RW104: everything swallowed, with the exceptions that can be expected", async () => {
    const [one] = await found(
      loop(
        'try:\n    rewards.append(1.0 if int(completion.split("=")[1]) == int(truth) else 0.0)\nexcept Exception as error:\n    print(error)\n    rewards.append(0.0)',
      ),
    );
    expect(one).toMatchObject({ id: "RW104", text: "except Exception as error:", finding: { severity: "warning" } });
    expect(one!.fixed[0]).toContain("except (IndexError, ValueError) as error:");
    expect(one!.fixed[1]).toContain("rewards.append(None)");
    expect(
      await idsOf(loop("score = 0\ntry:\n    score = float(completion)\nexcept:\n    pass\nrewards.append(score)")),
    ).toEqual(["RW104"]);
    for (const handler of [
      "except ValueError:\n    rewards.append(0.0)",
      "except Exception:\n    raise",
      "except Exception:\n    rewards.append(None)",
      "except Exception as e:\n    rewards.append(fallback(e))",
    ]) {
      expect(await idsOf(loop(`try:\n    rewards.append(float(completion))\n${handler}`)), handler).toEqual([]);
    }
  });

  it("RW112: fragile patterns, where flags are arguments, constants, f-strings and names", async () => {
    const [one] = await found(
      loop('rewards.append(1.0 if re.match(r"^<think>.*?</think><answer>.*?</answer>$", completion) else 0.0)'),
    );
    expect(one!.finding.message).toMatch(/line break.*no white space.*end of the text/);
    expect(one!.fixed[0]).toContain(
      're.match(r"<think>.*?</think>\\s*<answer>.*?</answer>", completion, flags=re.DOTALL)',
    );
    const [two] = await found(
      loop(
        "rewards.append(1.0 if FORM.search(completion) else 0.0)",
        undefined,
        'import re\nFORM = re.compile("<a>(.*?)</a>", re.I)',
      ),
    );
    expect(two).toMatchObject({ id: "RW112", text: '"<a>(.*?)</a>"' });
    expect(two!.fixed[0]).toContain('re.compile("<a>(.*?)</a>", re.I | re.DOTALL)');
    const [three] = await found(loop('rewards.append(len(re.findall(f"<{truth}>(.*?)</{truth}>", completion)))'));
    expect(three!.fixed[0]).toContain("completion, flags=re.DOTALL)");
    const [four] = await found(
      loop('pattern = "</a><b>"\nrewards.append(1.0 if re.search(pattern, completion) else 0.0)\npattern = ""'),
    );
    expect(four).toMatchObject({ id: "RW112", text: '"</a><b>"' });
    expect(four!.fixed[0]).toContain('"</a>\\\\s*<b>"');
    for (const pattern of [
      'r"<answer>\\s*(.*?)\\s*</answer>", completion, re.DOTALL',
      'r"(?s)<a>.*?</a>", completion',
      'r"x.*y", completion',
    ]) {
      expect(await idsOf(loop(`rewards.append(1.0 if re.search(${pattern}) else 0.0)`)), pattern).toEqual([]);
    }
    // Not fragile, but slow: two repeats side by side that take the same characters.
    expect(await idsOf(loop('rewards.append(1.0 if re.search(r"\\d+.*x", completion) else 0.0)'))).toEqual(["RW113"]);
  });

  it("RW113, RW115 and RW116", async () => {
    expect(await idsOf(loop('rewards.append(1.0 if re.fullmatch(r"(\\w+\\s?)+", completion) else 0.0)'))).toEqual([
      "RW113",
    ]);
    const chance = loop("rewards.append(random.random())", undefined, "import random");
    expect(await found(chance)).toMatchObject([{ id: "RW115", text: "random.random()" }]);
    const seeded = loop("rewards.append(random.Random(truth).random())", undefined, "import random");
    expect(await idsOf(seeded)).toEqual([]);
    const [clock] = await found(loop("rewards.append(time.time())", undefined, "import time"));
    expect(clock!.fixed[0]).toContain("# iad-r1: reward impure\ndef reward");
    const state = "import re\nseen = set()\ncache = {}";
    expect(
      await idsOf(loop("rewards.append(0.0 if completion in seen else 1.0)\nseen.add(completion)", undefined, state)),
    ).toEqual(["RW116"]);
    expect(await idsOf(loop("cache[completion] = 1.0\nrewards.append(cache[completion])", undefined, state))).toEqual(
      [],
    );
  });

  it("the published rewards show the faults of their text", async () => {
    const root = join(import.meta.dirname, "../..");
    const source = readFileSync(join(root, "samples/rewards/published.py"), "utf8");
    const findings = await found(source);
    expect(findings.map(({ id, finding }) => `${id} ${finding.function}`).sort()).toEqual([
      "RW101 consistency_reward",
      "RW104 accuracy_reward",
      "RW112 accuracy_reward",
      "RW112 consistency_reward",
      "RW112 consistency_reward",
    ]);
  });

  it("a comment on the line leaves it alone, and a text that cannot be read has no findings", async () => {
    expect(
      await idsOf(loop("rewards.append(random.random())  # iadr1-ignore RW115", undefined, "import random")),
    ).toEqual([]);
    expect(await idsOf(`${loop("rewards.append(1.0)", "def reward(completions, answer):")}\n  broken(`)).toEqual([]);
  });
});

describe("Python's patterns", () => {
  it("match the same texts here as in Python", () => {
    const patterns: [string, string][] = [
      ...[
        "a.c",
        "^a$",
        "a\\Z",
        "\\Aab",
        "[^\\W\\d]+",
        "\\w+@\\w+",
        "(?P<q>['\"]).*?(?P=q)",
        "(a|b)\\1",
        "x{2,3}?y",
        "a{,2}b",
        "[]a-]+",
      ],
      ...[
        "[^\\s\\S]",
        "[\\s\\S]+z",
        "\\bn\\b",
        "\\Bn",
        "(?<=a)b(?!c)",
        "(?:ab)+",
        "\\x41\\u00e9",
        "[\\]\\\\x]",
        "é+",
        "\\d\\D",
        "a{x}",
        "(?#c)a",
      ],
      ...[
        "\\.\\*\\/",
        "[a\\-z]",
        "(?i)straße",
        "(?s)a.b",
        "(?m)^b$",
        "[.$^]",
        "\\s+$",
        "🦊.",
        "\\0",
        "(?x) a b # c",
        "[^\\n]*\\t",
        "a|b|",
        "()a",
      ],
    ].map((pattern) => [pattern, ""]);
    patterns.push(["k", "i"], ["a.b", "s"], ["^b$", "m"], ["\\w+$", "a"], ["a  b", "x"], ["ſ", "i"], ["Ä", "i"]);
    const texts = [
      "",
      "a",
      "abc",
      "a\nc",
      "a\rc",
      "a\u2028c",
      "ab\n",
      "aa",
      "bb",
      "ab",
      "ba",
      "xxxy",
      "xxy",
      "aab",
      "b",
      "]-a",
      "\u00a0",
      "\u001c",
      "\ufeff",
    ];
    texts.push(
      "né n n1",
      "'q\" q'",
      "A\u00e9",
      "]\\x",
      "ééé",
      "1a",
      "١b",
      "a{x}",
      "STRASSE",
      "STRAßE",
      "a\nb\n",
      ".$",
      "x\t",
      "🦊🦊",
      "\0",
      "_",
      "\u0301",
      "\u212a",
      "S",
      "ä",
      "mail@x.de",
      "²",
      "½",
    );
    const script =
      "import json,re,sys; d=json.load(sys.stdin); F={'i':re.I,'s':re.S,'m':re.M,'a':re.A,'x':re.X}; print(json.dumps([[bool(re.search(p, t, sum(F[f] for f in fl))) for t in d['texts']] for p, fl in d['patterns']]))";
    const input = JSON.stringify({ patterns, texts });
    const expected = JSON.parse(
      execFileSync(findPython(), ["-W", "ignore", "-c", script], { input, encoding: "utf8" }),
    ) as boolean[][];
    const different: unknown[] = [];
    patterns.forEach(([pattern, flags], i) => {
      const tree = parsePattern(pattern, flags, "python");
      const got = tree === null ? null : matchAll(tree, "search", texts);
      texts.forEach((text, j) => {
        if (got?.[j] !== expected[i]![j])
          different.push({ pattern, flags, text, python: expected[i]![j], here: got?.[j] ?? null });
      });
    });
    expect(different).toEqual([]);
  });
});

it("a text that is not Python is a problem at its line", async () => {
  const source = "def reward(completions, **kwargs):\n    return [1.0 for _ in completions]\n\nbroken = [1,\n";
  const program = discoverRewards("/project/x.py", source);
  const { problems } = await withSyntaxProblem(program, new AbortController().signal);
  expect(problems).toEqual([
    {
      message: expect.stringMatching(/^This is not Python that can be read: /),
      ...{ start: source.indexOf("broken"), end: source.indexOf("broken") },
    },
  ]);
  const whole = discoverRewards("/project/x.py", source.slice(0, source.indexOf("broken")));
  expect((await withSyntaxProblem(whole, new AbortController().signal)).problems).toEqual([]);
});
