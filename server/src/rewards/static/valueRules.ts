/** RW102, RW103, RW104, RW115 and RW116 from the text: what is returned, asked for, swallowed, and remembered. */
import type { Finding, FindingEdit, FindingFix, FindingId } from "../analysis/finding";
import { severityOf } from "../analysis/finding";
import type { RewardDeclaration, RewardProgram } from "../user/program";
import type { CatchFact, FunctionFact, RewardFacts, ValueFact } from "./facts";

function finding(
  id: FindingId,
  name: string,
  place: { start: number; end: number },
  message: string,
  more: { numbers?: Record<string, number>; text?: string; fixes?: FindingFix[] } = {},
): Finding {
  return {
    ...{ id, severity: severityOf(id), function: name, start: place.start, end: place.end, message },
    evidence: { rows: [], numbers: more.numbers ?? {}, ...(more.text !== undefined && { text: more.text }) },
    fixes: more.fixes ?? [],
    certain: "static",
  };
}

/**
 * RW102: a text or a truth where a number is wanted; RW101: one value where a list is. Only what the reward itself returns counts,
 * not its helpers.
 */
export function wrongValueFindings(program: RewardProgram, facts: RewardFacts): Finding[] {
  return program.functions.flatMap((declared) => {
    const own = factOf(declared, facts);
    if (own === undefined) return [];
    const isBatch = declared.shape === "trl" || declared.shape === "swift-orm" || declared.scope === "group";
    const values = facts.values.filter(({ start, end }) => start >= own.start && end <= own.end);
    return values.flatMap((value): Finding[] => {
      if (isBatch && value.role === "return") return [singleValue(declared, value, program)];
      return value.kind === "number" ? [] : [wrongValue(declared, value, program)];
    });
  });
}

function singleValue(
  declared: RewardDeclaration,
  { start, end }: ValueFact,
  { source, language }: RewardProgram,
): Finding {
  const written = source.slice(start, end);
  const fixes: FindingFix[] = [];
  if (
    language === "python" &&
    /^-?[\d.]+$/.test(written) &&
    /\bcompletions\b/.test(source.slice(...declared.bodySpan))
  ) {
    const edits = [insertion(start, "["), insertion(end, "] * len(completions)")];
    fixes.push({ title: "Return one value per completion", edits });
  }
  return finding(
    "RW101",
    declared.name,
    { start, end },
    `This returns one value, ${written.length > 40 ? `${written.slice(0, 37)}…` : written}, where a list with one value for each completion is wanted. Trainers stop here, or give all completions the same score.`,
    { text: written, fixes },
  );
}

function wrongValue(declared: RewardDeclaration, value: ValueFact, { source, language }: RewardProgram): Finding {
  const { start, end, kind, text } = value;
  const written = source.slice(start, end);
  const fixes: FindingFix[] = [];
  if (kind === "boolean") {
    const title = "Make it a number: 1 or 0";
    fixes.push(
      language === "python"
        ? {
            title,
            edits: [
              { start, end: start, text: "float(" },
              { start: end, end, text: ")" },
            ],
          }
        : {
            title,
            edits: [
              { start, end: start, text: "(" },
              { start: end, end, text: ") ? 1 : 0" },
            ],
          },
    );
  } else if (text !== undefined && text.trim() !== "" && Number.isFinite(Number(text))) {
    fixes.push({ title: `Write the number: ${text.trim()}`, edits: [{ start, end, text: text.trim() }] });
  }
  const shown = written.length > 60 ? `${written.slice(0, 57)}…` : written;
  return finding(
    "RW102",
    declared.name,
    { start, end },
    `${shown} is a ${kind === "boolean" ? "truth value" : "text"}, where a reward is a finite number. ${
      kind === "boolean" ? "Trainers differ in what they make of it" : "Trainers stop here, or make it NaN"
    }: ${kind === "boolean" ? "return 1 or 0." : "return a number."}`,
    { text: shown, fixes },
  );
}

/** Arguments that TRL and ms-swift always give. */
const alwaysGiven = new Set(
  "self cls prompts completions completion_ids trainer_state log_extra log_metric solution prompt_ids environments".split(
    " ",
  ),
);

/**
 * RW103: columns that the data do not have, no `**kwargs`, arguments that cannot be given by name.
 *
 * @param columns of the data set, without those of the trainer; null when the data are not known
 */
export function argumentFindings(
  program: RewardProgram,
  facts: RewardFacts,
  columns: readonly string[] | null,
): Finding[] {
  return program.functions.flatMap((declared) => {
    if (declared.language !== "python" || (declared.shape !== "trl" && declared.shape !== "swift-orm")) return [];
    const own = factOf(declared, facts);
    const found: Finding[] = [];
    const name = { start: declared.nameSpan[0], end: declared.nameSpan[1] };
    if (!declared.takesKwargs) {
      const fixes = own?.kwargsAt
        ? [{ title: "Add **kwargs", edits: [insertion(own.kwargsAt.at, own.kwargsAt.text)] }]
        : [];
      found.push(
        finding(
          "RW103",
          declared.name,
          name,
          `${declared.name} takes no **kwargs, but trainers give every column of the data set and more by name: it fails with "unexpected keyword argument". Add **kwargs.`,
          { fixes },
        ),
      );
    }
    for (const parameter of own?.parameters ?? []) {
      const place = { start: parameter.start, end: parameter.start + parameter.name.length };
      if (parameter.kind === "positional" && parameter.name !== "self") {
        found.push(
          finding(
            "RW103",
            declared.name,
            place,
            `${parameter.name} can only be given by position, but trainers give all arguments by name. Remove the "/".`,
          ),
        );
      }
      if (columns === null || parameter.hasDefault || alwaysGiven.has(parameter.name)) continue;
      // Of a partial, what it was given is asked of nobody else.
      if (columns.includes(parameter.name) || !declared.columns.includes(parameter.name)) continue;
      found.push(missingColumn(declared, parameter, place, columns));
    }
    return found;
  });
}

function missingColumn(
  declared: RewardDeclaration,
  parameter: FunctionFact["parameters"][number],
  place: { start: number; end: number },
  columns: readonly string[],
): Finding {
  const candidates = [...columns, "solution"].filter((one) => /^[A-Za-z_]\w*$/.test(one));
  const ranked = [...new Set(candidates)].sort((a, b) => distance(parameter.name, a) - distance(parameter.name, b));
  const fixes = ranked.slice(0, 3).map((column) => ({
    title: `Use the column ${column}`,
    edits: [place, ...parameter.uses.map(([start, end]) => ({ start, end }))].map((at) => ({ ...at, text: column })),
  }));
  const known = columns.length === 0 ? "none" : columns.slice(0, 8).join(", ") + (columns.length > 8 ? ", …" : "");
  return finding(
    "RW103",
    declared.name,
    place,
    `The data have no column ${parameter.name}; they have ${known}. Trainers then fail with "missing argument". Name a column that is there.`,
    { numbers: { columns: columns.length }, text: parameter.name, fixes },
  );
}

/** RW104: everything that can go wrong becomes a fixed score, as if the answer had been judged. */
export function swallowedFindings(program: RewardProgram, facts: RewardFacts): Finding[] {
  return facts.catches.flatMap((fact) => {
    if (!fact.isBroad || !fact.isConstant) return [];
    const declared = ownerOf(program, facts, fact.function, fact.start);
    if (declared === null) return [];
    const numbers = fact.constants.map(({ value }) => value);
    const effect =
      numbers.length === 0
        ? "nothing happens, and the code goes on as if it had worked"
        : `the score becomes ${[...new Set(numbers)].join(" or ")}`;
    return [
      finding(
        "RW104",
        declared.name,
        fact,
        `Any exception in these ${fact.tryLines} ${fact.tryLines === 1 ? "line" : "lines"} is swallowed: ${effect}, and a fault of the checker looks like a wrong answer. Catch only what can be expected, and return "not applicable" for what cannot be scored.`,
        { numbers: { tryLines: fact.tryLines }, fixes: swallowedFixes(program, fact) },
      ),
    ];
  });
}

function swallowedFixes({ source, language }: RewardProgram, fact: CatchFact): FindingFix[] {
  const fixes: FindingFix[] = [];
  if (language === "python" && fact.likely.length > 0) {
    const names = fact.likely.length === 1 ? fact.likely[0]! : `(${fact.likely.join(", ")})`;
    const edit: FindingEdit =
      fact.typeSpan === null
        ? insertion(fact.start + "except".length, ` ${names}`)
        : { start: fact.typeSpan[0], end: fact.typeSpan[1], text: names };
    fixes.push({ title: `Catch only ${fact.likely.join(", ")}`, edits: [edit], catches: fact.likely });
  }
  if (fact.constants.length > 0) {
    if (language === "python") {
      fixes.push({
        title: "Not applicable instead of a score (None)",
        edits: fact.constants.map(({ start, end }) => ({ start, end, text: "None" })),
      });
    } else {
      const skip = skipEdit(source);
      if (skip !== null) {
        fixes.push({
          title: "Not applicable instead of a score (skip)",
          edits: [
            ...skip.edits,
            ...fact.constants.map(({ start, end }) => ({ start, end, text: `${skip.name}("the checker failed")` })),
          ],
        });
      }
    }
  }
  return fixes;
}

/** `skip` of "iad-r1/reward", imported if need be; null in files that do not use that module. */
function skipEdit(source: string): { name: string; edits: FindingEdit[] } | null {
  const found = /import\s*\{([^}]*)\}\s*from\s*["']iad-r1\/reward["']/.exec(source);
  if (found === null) return null;
  const listed = found[1]!.split(",").map((one) => one.trim());
  const own = listed.map((one) => /^skip(?:\s+as\s+(\w+))?$/.exec(one)).find((one) => one !== null);
  if (own) return { name: own[1] ?? "skip", edits: [] };
  const at = found.index + found[0].indexOf("{") + 1 + found[1]!.trimEnd().length;
  return { name: "skip", edits: [insertion(at, listed.at(-1) === "" ? " skip" : ", skip")] };
}

/** RW115: chance and the clock. */
export function randomFindings(program: RewardProgram, facts: RewardFacts): Finding[] {
  return facts.random.flatMap((fact) => {
    const declared = ownerOf(program, facts, fact.function, fact.start);
    if (declared === null || (fact.what === "clock" && declared.impure)) return [];
    const call = program.source.slice(fact.start, fact.end);
    const message =
      fact.what === "chance"
        ? `${call} draws without a seed: the same completion scores differently each time, and a resumed run differs from an uninterrupted one. ${program.language === "python" ? "Draw from random.Random(seed) made of the row" : "Use the `random` that the context gives"}, or leave chance out.`
        : `${call} reads the clock: the same completion scores differently each time. Leave time out of the score, or mark the reward impure.`;
    const fixes: FindingFix[] = [];
    if (fact.what === "clock") fixes.push(...impureFix(program, declared));
    return [finding("RW115", declared.name, fact, message, { text: call, fixes })];
  });
}

/** RW116: a variable of the module that grows with every call. */
export function stateFindings(program: RewardProgram, facts: RewardFacts): Finding[] {
  const told = new Set<string>();
  return facts.state.flatMap((fact) => {
    const declared = ownerOf(program, facts, fact.function, fact.start);
    const name = fact.names[0]!;
    if (declared === null || told.has(`${declared.name} ${name}`)) return [];
    // A cache that is only filled by key does not change a score.
    if (isCache(program.source, name)) return [];
    told.add(`${declared.name} ${name}`);
    return [
      finding(
        "RW116",
        declared.name,
        fact,
        `${name} is kept from call to call, so the score of a completion depends on which completions came before it: on the order of the batch, on its size, and on whether the run was resumed. Compute it from the completion, or from its group with scope "group".`,
        { text: name },
      ),
    ];
  });
}

/** `if key not in cache: cache[key] = ...`, by name or by use. */
function isCache(source: string, name: string): boolean {
  return /cache|memo/i.test(name) || new RegExp(`\\b${name}\\.setdefault\\(`).test(source);
}

function impureFix({ source, language }: RewardProgram, declared: RewardDeclaration): FindingFix[] {
  if (language === "python") {
    const lineStart = source.lastIndexOf("\n", declared.bodySpan[0] - 1) + 1;
    const indent = /^[ \t]*/.exec(source.slice(lineStart))![0];
    const above = source.slice(0, lineStart).trimEnd().split("\n").at(-1) ?? "";
    const marker = /^\s*#\s*iad-r1:\s*reward\b/.test(above);
    const at = marker ? source.lastIndexOf(above, lineStart) + above.length : lineStart;
    return [
      {
        title: "Mark the reward impure",
        edits: [insertion(at, marker ? " impure" : `${indent}# iad-r1: reward impure\n`)],
      },
    ];
  }
  if (declared.shape !== "contract") return [];
  const open = /defineReward\s*\(\s*\{/.exec(source.slice(source.lastIndexOf("defineReward", declared.bodySpan[0])));
  const from = source.lastIndexOf("defineReward", declared.bodySpan[0]);
  if (open === null || from < 0) return [];
  const at = from + open.index + open[0].length;
  return [{ title: "Mark the reward impure", edits: [insertion(at, " impure: true,")] }];
}

/** The reward that a place belongs to: the one around it, or the first that calls the helper it is in; null when none does. */
export function ownerOf(
  program: RewardProgram,
  facts: RewardFacts,
  name: string,
  at: number,
): RewardDeclaration | null {
  const around = program.functions.find(({ bodySpan: [start, end] }) => at >= start && at < end);
  if (around !== undefined) return around;
  // Helpers may call helpers: follow names until a reward mentions one.
  const wanted = new Set(name === "" ? namesAround(program.source, at) : [name]);
  for (let round = 0; round < 4; round++) {
    for (const declared of program.functions) {
      const body = program.source.slice(...declared.bodySpan);
      for (const one of wanted) if (mentions(body, one)) return declared;
    }
    for (const helper of facts.functions) {
      const body = program.source.slice(helper.start, helper.end);
      if ([...wanted].some((one) => one !== helper.name && mentions(body, one))) wanted.add(helper.name);
    }
  }
  return null;
}

/** The name that a place outside of functions is assigned to. */
function namesAround(source: string, at: number): string[] {
  const lineStart = source.lastIndexOf("\n", at - 1) + 1;
  const found = /^\s*(?:export\s+)?(?:const\s+|let\s+|var\s+)?(\w+)\s*(?::[^=]+)?=/.exec(source.slice(lineStart, at));
  return found === null ? [] : [found[1]!];
}

function mentions(text: string, name: string): boolean {
  return name !== "" && new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`).test(text);
}

function factOf(declared: RewardDeclaration, facts: RewardFacts): FunctionFact | undefined {
  const [start, end] = declared.bodySpan;
  const [at] = declared.nameSpan;
  const inside = facts.functions.filter((one) => one.start >= start && one.end <= end);
  const around = facts.functions.find((one) => one.start <= at && at < one.end);
  // Of a class, what trainers call; its other methods take what they like.
  return (
    around ??
    inside.find(({ method }) => method === "__call__") ??
    inside.sort((a, b) => b.end - b.start - (a.end - a.start))[0]
  );
}

function insertion(at: number, text: string): FindingEdit {
  return { start: at, end: at, text };
}

/** Edits between two names; a common word counts more than letters. */
function distance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0]!;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = Math.min(above + 1, row[j - 1]! + 1, diagonal + (a[i - 1] === b[j - 1] ? 0 : 1));
      diagonal = above;
    }
  }
  const words = new Set(a.split("_"));
  const shared = b.split("_").some((word) => words.has(word));
  return row[b.length]! - (shared ? 4 : 0);
}
