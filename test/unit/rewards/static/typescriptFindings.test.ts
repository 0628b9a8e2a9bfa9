import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { staticFindings } from "@iad-r1/server/rewards/static/staticFindings";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { describe, expect, it } from "vitest";

/** One reward whose `score` has this body. */
const reward = (body: string, rest = "", scope = "sample") => `import { defineReward } from "iad-r1/reward";
${rest}
export const r = defineReward({ name: "r", scope: "${scope}", range: { min: 0, max: 1 }, score(ctx) {
${body}
} });
`;

async function found(source: string): Promise<{ id: string; text: string; fixed: string[]; finding: Finding }[]> {
  const findings = await staticFindings(discoverRewards("/project/x.reward.ts", source));
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

const idsOf = async (source: string) => (await found(source)).map(({ id }) => id);

describe("findings from TypeScript text", () => {
  it("RW102: truths and texts that are returned", async () => {
    const [first] = await found(reward('return ctx.completion.includes("x") && !ctx.solution;'));
    expect(first).toMatchObject({ id: "RW102", text: 'ctx.completion.includes("x") && !ctx.solution' });
    expect(first!.fixed[0]).toContain('return (ctx.completion.includes("x") && !ctx.solution) ? 1 : 0;');
    const [second] = await found(reward('return ctx.completion ? "0.5" : 0;'));
    expect(second).toMatchObject({ id: "RW102", text: '"0.5"', finding: { severity: "error" } });
    expect(second!.fixed[0]).toContain("return ctx.completion ? 0.5 : 0;");
  });

  it("RW102: not for numbers, and not for what helpers return", async () => {
    const helper = 'const yes = (t: string) => t === "yes"; function name() { return "x"; }';
    expect(await idsOf(reward('return yes(ctx.completion) ? 1 : 0; name(); [].map((x) => "a");', helper))).toEqual([]);
    expect(await idsOf(reward("return ctx.completion.length && ctx.solution.length;"))).toEqual([]);
  });

  it("RW104: a catch that makes a score of everything", async () => {
    const [one] = await found(
      reward(
        "try {\n  return JSON.parse(ctx.completion).score;\n} catch (error) {\n  console.log(error); return 0;\n}",
      ),
    );
    expect(one).toMatchObject({ id: "RW104", text: "catch (error)" });
    expect(one!.finding.message).toContain("the score becomes 0");
    expect(one!.fixed[0]).toContain('import { defineReward, skip } from "iad-r1/reward";');
    expect(one!.fixed[0]).toContain('return skip("the checker failed");');
    expect(await idsOf(reward("let s = 1; try { s = ctx.completion.length } catch {} return s;"))).toEqual(["RW104"]);
  });

  it("RW104: not when the handler looks at the exception or passes it on", async () => {
    for (const handler of [
      "throw error;",
      "return skip(String(error));",
      "if (error instanceof TypeError) return 0; throw error;",
    ]) {
      expect(await idsOf(reward(`try { return ctx.completion.length } catch (error) { ${handler} }`)), handler).toEqual(
        [],
      );
    }
  });

  it("RW112: fragile patterns about tags, with the rewrite as edits", async () => {
    const [one] = await found(
      reward("return /^<think>.*<\\/think><answer>(.*?)<\\/answer>$/.test(ctx.completion) ? 1 : 0;"),
    );
    expect(one!.finding.message).toMatch(/line break.*no white space.*greedy.*end of the text/);
    expect(one!.fixed[0]).toContain("/<think>.*?<\\/think>\\s*<answer>(.*?)<\\/answer>/s.test");
    // Letter case is said beside the rest, and mended apart from it.
    expect(one!.finding.message).toContain("one letter case only");
    const byCase = one!.finding.fixes.find(({ title }) => title === "Ignore case")!;
    expect(byCase.edits.map(({ text }) => text)).toEqual(["i"]);
    const anyCase = await found(reward("return /<a>.*<\\/a>/i.test(ctx.completion) ? 1 : 0;"));
    expect(anyCase[0]!.finding.message).not.toContain("letter case");
    const constant = await found(
      reward("return FORM.test(ctx.completion) ? 1 : 0;", "const FORM = /<answer>(.+?)<\\/answer>/;"),
    );
    expect(constant).toMatchObject([{ id: "RW112", text: "/<answer>(.+?)<\\/answer>/", finding: { function: "r" } }]);
  });

  it.each([
    [
      "return /<location>(.*?)<\\/location>/.exec(ctx.completion)?.[1] === 'center' ? 1 : 0;",
      "return (parseTags(ctx.completion).location ?? undefined) === 'center' ? 1 : 0;",
    ],
    [
      "const found = /<type>\\s*(.*?)\\s*<\\/type>/.exec(ctx.completion); if (found === null) return 0; return found[1]!.trim() === found![1] ? 1 : 0;",
      "const found = parseTags(ctx.completion).type; if (found === null) return 0; return found!.trim() === found ? 1 : 0;",
    ],
    [
      "return /<answer>.*<\\/answer>/.test(ctx.completion) ? 1 : 0;",
      "return (parseTags(ctx.completion).answerText !== null) ? 1 : 0;",
    ],
    [
      "return ctx.completion.match(/<answer>(.*)<\\/answer>/)![1] ? 1 : 0;",
      "return (parseTags(ctx.completion).answerText ?? undefined) ? 1 : 0;",
    ],
    // An empty body is a match too.
    [
      "const found = /<type>(.*?)<\\/type>/.exec(ctx.completion); if (!found) return 0; return found && found[1] === 'hole' ? 1 : 0;",
      "const found = parseTags(ctx.completion).type; if (found === null) return 0; return found !== null && found === 'hole' ? 1 : 0;",
    ],
    [
      "const found = ctx.completion.match(/<type>(.*?)<\\/type>/); return !!found && Boolean(found) ? Number(found ? found[1]!.length : 0) : 0;",
      "const found = parseTags(ctx.completion).type; return !(found === null) && (found !== null) ? Number(found !== null ? found!.length : 0) : 0;",
    ],
    [
      "return !/<type>(.*?)<\\/type>/.exec(ctx.completion) ? 0 : 1;",
      "return parseTags(ctx.completion).type === null ? 0 : 1;",
    ],
  ])("RW112: an element is read with the tag parser: %s", async (body, expected) => {
    const [one] = await found(reward(body));
    const at = one!.finding.fixes.findIndex(({ title }) => title.endsWith("with the tag parser"));
    expect(one!.fixed[at]).toContain(expected);
    expect(one!.fixed[at]).toMatch(/import \{ .*parseTags \} from "iad-r1\/reward";/);
    expect(discoverRewards("/r/a.reward.ts", one!.fixed[at]!).problems).toEqual([]);
  });

  it("RW112: a constant pattern is read with the parser wherever it is used, or nowhere", async () => {
    const before = "const type = /<type>(.*?)<\\/type>/;";
    const both = "return type.test(ctx.completion) && type.exec(ctx.solution!)?.[1] === 'hole' ? 1 : 0;";
    const [one] = await found(`${before}\n${reward(both)}`);
    const at = one!.finding.fixes.findIndex(({ title }) => title.endsWith("with the tag parser"));
    expect(one!.fixed[at]).toContain(
      "return (parseTags(ctx.completion).type !== null) && (parseTags(ctx.solution!).type ?? undefined) === 'hole' ? 1 : 0;",
    );
    const [other] = await found(`${before}\n${reward(both.replace("?.[1]", "?.index"))}`);
    expect(other!.finding.fixes.filter(({ title }) => title.includes("parser"))).toEqual([]);
  });

  it("RW112: no tag parser where the code wants more of the match, or the pattern is of several elements", async () => {
    for (const body of [
      "const found = /<type>(.*?)<\\/type>/.exec(ctx.completion); return found === null ? 0 : found.index;",
      "const found = /<type>(.*?)<\\/type>/.exec(ctx.completion); return (found && found[1]) === 'hole' ? 1 : 0;",
      "const found = ctx.completion.match(/<type>(.*?)<\\/type>/g); return found === null ? 0 : Number(found[1]);",
      "return /<think>.*<\\/think><answer>(.*?)<\\/answer>/.test(ctx.completion) ? 1 : 0;",
      "return /<part>(.*?)<\\/part>/.test(ctx.completion) ? 1 : 0;",
      "return /<type>a.*b<\\/type>/.test(ctx.completion) ? 1 : 0;",
    ]) {
      const [one] = await found(reward(body));
      expect(
        one!.finding.fixes.filter(({ title }) => title.includes("parser")),
        body,
      ).toEqual([]);
    }
  });

  it("RW112: not for careful patterns, nor for patterns that are not about tags", async () => {
    for (const pattern of [
      "/<answer>\\s*(.*?)\\s*<\\/answer>/s",
      "/^\\s*<a>[^<]*<\\/a>\\s*$/",
      "/^#.*$/m",
      // A look-around takes nothing, however far it looks.
      "/^(?!.*<think>.*<think>)(?!.*<\\/think>.*<\\/think>)\\s*<think>.*?<\\/think>/s",
      "/\\d+-.*-x/",
    ]) {
      expect(await idsOf(reward(`return ${pattern}.test(ctx.completion) ? 1 : 0;`)), pattern).toEqual([]);
    }
  });

  it("RW113: a pattern that was shown to hang", async () => {
    const [one] = await found(reward("return /^(\\w+\\s?)+[.!]$/.test(ctx.completion) ? 1 : 0;"));
    expect(one).toMatchObject({ id: "RW113", finding: { evidence: { numbers: { limitMs: 250 } } } });
  });

  it("RW115: chance and the clock, also in helpers", async () => {
    expect(await found(reward("return Math.random();"))).toMatchObject([{ id: "RW115", text: "Math.random()" }]);
    const helper = "function age() { return Date.now() - new Date().getTime(); }";
    const all = await found(reward("return age();", helper));
    expect(all.map(({ id, text }) => [id, text])).toEqual([
      ["RW115", "Date.now()"],
      ["RW115", "new Date()"],
    ]);
    expect(all[0]!.fixed[0]).toContain("defineReward({ impure: true,");
    expect(await idsOf(reward("return ctx.random() + new Date(ctx.solution).getTime();"))).toEqual([]);
  });

  it("RW116: state that is kept from call to call", async () => {
    const kept = reward(
      "if (seen.has(ctx.completion)) return 0; seen.add(ctx.completion); return 1;",
      "const seen = new Set<string>();",
    );
    expect(await found(kept)).toMatchObject([{ id: "RW116", text: "seen" }]);
    expect(
      await idsOf(reward("let n = 0; n += 1; words.has('x'); return n;", "const words = new Set(['x']);")),
    ).toEqual([]);
    expect(await idsOf(reward("count++; return count;", "let count = 0;"))).toEqual(["RW116"]);
  });

  it("RW101: a way through the loop of a group reward without a value", async () => {
    const body = (branch: string) =>
      `const scores: number[] = [];\nfor (const one of ctx.completions) {\n  if (one === "") { ${branch} }\n  scores.push(1);\n}\nreturn scores;`;
    const [one] = await found(reward(body("continue;"), "", "group"));
    expect(one).toMatchObject({ id: "RW101", finding: { severity: "error" } });
    expect(one!.finding.message).toContain('one === ""');
    expect(await idsOf(reward(body("scores.push(0); continue;"), "", "group"))).toEqual([]);
    expect(await idsOf(reward(body("scores.push(0);"), "", "group"))).toEqual(["RW101"]);
  });

  it("a comment on the line leaves it alone", async () => {
    expect(await idsOf(reward("return Math.random(); // iadr1-ignore RW115"))).toEqual([]);
    expect(await idsOf(reward("return Math.random(); // iadr1-ignore RW112"))).toEqual(["RW115"]);
  });

  it("says nothing about a text that cannot be read", async () => {
    expect(await idsOf(reward("return Math.random() +;"))).toEqual([]);
  });
});
