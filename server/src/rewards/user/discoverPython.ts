/**
 * Reward functions of a Python file: functions that TRL would call, ms-swift's ORM classes and the `compute_score` of verl and EasyR1, told
 * apart by their shape; and whatever stands under a marker comment, `# iad-r1: reward weight=0.5 range=0..1`. Only the top level of the
 * module counts; there also what gets a name without a `def`: what a function makes (`cosine = get_cosine_reward(max_len=512)`), a lambda, a
 * `partial` of a function, an object of a class that can be called.
 */
import { type Discovered, type MarkerOptions, parseMarker } from "./marker";
import type { RewardDeclaration, RewardShape } from "./program";
import { plainText, type PythonComment, type PythonLine, type PythonToken, readPython } from "./pythonLines";

/** What trainers always give; everything else in a signature is a column. */
const givenArguments = new Set([
  ...["self", "prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"],
  ...["prompt_ids", "environments"],
]);
const verlArguments = new Set(["data_source", "solution_str", "ground_truth", "extra_info"]);
/** Of EasyR1, a verl for pictures: records or lists of them in its versions, weights beside them. */
const easyR1Arguments = [
  ["reward_inputs"],
  ["reward_input"],
  ["predicts", "ground_truths"],
  ["predict", "ground_truth"],
];

interface Parameter {
  name: string;
  /** Of a base of a class, the end of its path: `ORM` of `swift.plugin.ORM`. */
  last: string;
  star: "" | "*" | "**";
  hasDefault: boolean;
}

interface Definition {
  keyword: "def" | "class";
  isAsync: boolean;
  name: PythonToken;
  /** Parameters of a function; bases of a class. */
  parameters: Parameter[];
  /** First line, decorators included, and the last line of the body. */
  first: number;
  last: number;
  head: number;
}

export function discoverPython(file: string, source: string): Discovered {
  const { lines, comments } = readPython(source);
  const found: Discovered = { functions: [], problems: [] };
  const registered = registeredNames(lines);
  const top = definitions(lines, 0, lines.length, 0);
  const { named, bases } = namedRewards(lines, top);
  for (const { target, made } of named) {
    const marker = markerAbove(source, comments, target.start);
    const shape = shapeOf(made, made, marker !== null);
    if (shape === null || (shape === "trl" && marker === null && isHelper({ ...made, name: target }, top, lines)))
      continue;
    if (marker !== null) found.problems.push(...marker.problems);
    found.functions.push(marked(declarationOf(made, made, shape, target, file, lines), marker?.options ?? {}));
  }
  for (const definition of top) {
    const marker = markerAbove(source, comments, lines[definition.first]!.start);
    const isFunction = definition.keyword === "def";
    const call = isFunction ? definition : callMethod(lines, definition);
    if (call === null) continue;
    const isMarked = marker !== null || registered.has(definition.name.text);
    const shape = shapeOf(definition, call, isMarked);
    if (shape === null || (shape === "trl" && !isMarked && isHelper(definition, top, lines))) continue;
    if (bases.has(definition) && !isMarked) continue;
    if (marker !== null) found.problems.push(...marker.problems);
    const { name } = definition;
    const declaration = declarationOf(definition, call, shape, name, file, lines);
    found.functions.push({
      ...marked(declaration, marker?.options ?? {}),
      name: marker?.options.name ?? registered.get(name.text) ?? name.text,
    });
  }
  return found;
}

function marked(declaration: RewardDeclaration, options: MarkerOptions): RewardDeclaration {
  return {
    ...declaration,
    ...(options.name !== undefined && { name: options.name }),
    ...(options.scope !== undefined && { scope: options.scope }),
    ...{ weight: options.weight ?? 1, range: options.range ?? null, impure: options.impure ?? false },
  };
}

function declarationOf(
  whole: Definition,
  call: Definition,
  shape: RewardShape,
  name: PythonToken,
  file: string,
  lines: readonly PythonLine[],
): RewardDeclaration {
  const body = lines.slice(call.head, call.last + 1).flatMap(({ tokens }) => tokens);
  return {
    ...{ name: name.text, language: "python", file, shape, weight: 1, range: null, impure: false },
    scope: shape === "trl" || shape === "swift-orm" ? "batch" : "sample",
    isAsync: call.isAsync,
    nameSpan: [name.start, name.end],
    bodySpan: [lines[whole.head]!.start, lines[whole.last]!.end],
    columns: columnsOf(call.parameters, body, shape),
    takesKwargs: call.parameters.some(({ star }) => star === "**"),
    exportName: name.text,
  };
}

/** Functions of a file that make rewards without any of them getting a name there: what to tell a person who finds none. */
export function rewardMakers(source: string): string[] {
  const { lines } = readPython(source);
  return definitions(lines, 0, lines.length, 0).flatMap((definition) => {
    return innerReward(lines, definition) === null ? [] : [definition.name.text];
  });
}

interface Named {
  target: PythonToken;
  /** The function that is called under this name. */
  made: Definition;
}

/**
 * `name = …` at the top level: a lambda, a `partial` of a function of the file, a call of a function that holds the definition of a reward,
 * an object of a class with `__call__`. Of two with one name the last counts, as in Python.
 *
 * @returns with the functions that a trainer can call only with what a `partial` gives them
 */
function namedRewards(
  lines: readonly PythonLine[],
  top: readonly Definition[],
): { named: Named[]; bases: ReadonlySet<Definition> } {
  const named = new Map<string, Named>();
  const bases = new Set<Definition>();
  for (const [i, { tokens, indent }] of lines.entries()) {
    const equals = tokens.findIndex(({ text }) => text === "=");
    const [target, colon] = tokens;
    const isNamed = target?.kind === "name" && (equals === 1 || (equals > 1 && colon?.text === ":"));
    if (indent !== 0 || !isNamed || tokens[equals + 1]?.text === "=") continue;
    const value = tokens.slice(equals + 1);
    const made = lambdaOf(value, target, i) ?? partialOf(value, top, bases) ?? callOf(value, lines, top);
    if (made !== null) named.set(target.text, { target, made });
    else named.delete(target.text);
  }
  return { named: [...named.values()], bases };
}

function lambdaOf(value: readonly PythonToken[], name: PythonToken, line: number): Definition | null {
  if (value[0]?.text !== "lambda" || value[0].kind !== "name") return null;
  // A default may be a lambda too.
  let numOpen = 0;
  const end = value.findIndex(({ kind, text }, i) => {
    if (depthAt(value, i) > 0) return false;
    if (kind === "name" && text === "lambda") numOpen++;
    return text === ":" && --numOpen === 0;
  });
  if (end < 0) return null;
  const bracket = (text: string): PythonToken => ({ kind: "other", text, start: value[0]!.end, end: value[0]!.end });
  const parameters = parametersOf([bracket("("), ...value.slice(1, end), bracket(")")]);
  return { ...{ keyword: "def", isAsync: false, name, parameters }, first: line, last: line, head: line };
}

/** `partial(f, 3, k=1)`, also `functools.partial`: `f` without what it was given. */
function partialOf(
  value: readonly PythonToken[],
  top: readonly Definition[],
  bases: Set<Definition>,
): Definition | null {
  const at = value[0]?.text === "functools" && value[1]?.text === "." ? 2 : 0;
  if (value[at]?.text !== "partial" || value[at + 1]?.text !== "(") return null;
  const base = top.find(({ keyword, name }) => keyword === "def" && name.text === value[at + 2]?.text);
  if (base === undefined || ![",", ")"].includes(value[at + 3]?.text ?? "")) return null;
  const given = new Set<string>();
  let numPlaces = 0;
  for (let i = at + 3; i < value.length - 1; i++) {
    if (value[i]!.text !== "," || depthAt(value, i) !== 1) continue;
    const [name, equals] = value.slice(i + 1);
    if (name?.kind === "name" && equals?.text === "=") given.add(name.text);
    else if (name !== undefined && ![")", "*"].includes(name.text)) numPlaces++;
  }
  const plain = base.parameters.filter(({ star }) => star === "");
  for (const { name } of plain.slice(0, numPlaces)) given.add(name);
  if (plain.some(({ name, hasDefault }) => given.has(name) && !hasDefault)) bases.add(base);
  return { ...base, parameters: base.parameters.filter(({ name }) => !given.has(name)) };
}

/** What `maker(…)` gives: the reward that is defined in it, or the `__call__` of the class. */
function callOf(
  value: readonly PythonToken[],
  lines: readonly PythonLine[],
  top: readonly Definition[],
): Definition | null {
  const [name, open] = value;
  if (name?.kind !== "name" || open?.text !== "(") return null;
  const maker = top.findLast((one) => one.name.text === name.text);
  if (maker === undefined) return null;
  // Nothing is done with the result: no attribute, no operator.
  const close = value.findIndex(({ text }, i) => text === ")" && depthAt(value, i + 1) === 0);
  if (close !== value.length - 1) return null;
  if (maker.keyword === "def") return innerReward(lines, maker);
  const call = callMethod(lines, maker);
  return call !== null && shapeOf(maker, call, false) === null && isReward(call.parameters) ? call : null;
}

/** Brackets that are open before a token. */
function depthAt(tokens: readonly PythonToken[], at: number): number {
  let depth = 0;
  for (const { kind, text } of tokens.slice(0, at)) {
    if (kind !== "other") continue;
    if ("([{".includes(text)) depth++;
    if (")]}".includes(text)) depth--;
  }
  return depth;
}

function innerReward(lines: readonly PythonLine[], { keyword, head, last, parameters }: Definition): Definition | null {
  const first = lines[head + 1];
  // A reward may have helpers inside; it is one itself.
  if (keyword !== "def" || first === undefined || last === head || isReward(parameters)) return null;
  const inner = definitions(lines, head + 1, last + 1, first.indent);
  return inner.find((one) => one.keyword === "def" && isReward(one.parameters)) ?? null;
}

/** Functions and classes whose heads have this indentation, between two lines. */
function definitions(lines: readonly PythonLine[], from: number, to: number, indent: number): Definition[] {
  const found: Definition[] = [];
  let decorators: number | null = null;
  for (let i = from; i < to; i++) {
    const line = lines[i]!;
    if (line.indent !== indent) continue;
    if (line.tokens[0]!.text === "@") {
      decorators ??= i;
      continue;
    }
    const isAsync = line.tokens[0]!.text === "async" && line.tokens[1]?.text === "def";
    const tokens = isAsync ? line.tokens.slice(1) : line.tokens;
    const keyword = tokens[0]!.text;
    if ((keyword === "def" || keyword === "class") && tokens[1]?.kind === "name") {
      let last = i;
      while (last + 1 < to && lines[last + 1]!.indent > indent) last++;
      const parameters = parametersOf(tokens.slice(2));
      found.push({ keyword, isAsync, name: tokens[1], parameters, first: decorators ?? i, last, head: i });
    }
    decorators = null;
  }
  return found;
}

/** `(a, b: int = 3, *args, **kwargs) -> x:` */
function parametersOf(tokens: readonly PythonToken[]): Parameter[] {
  if (tokens[0]?.text !== "(") return [];
  const parameters: Parameter[] = [];
  let depth = 0;
  let stars = "";
  let atStart = false;
  let before = "";
  for (const { kind, text } of tokens) {
    if ("([{".includes(text)) depth++;
    if (")]}".includes(text)) depth--;
    if (depth === 0) break;
    if (depth === 1 && (text === "(" || text === ",")) {
      atStart = true;
      stars = "";
    } else if (atStart && text === "*") stars += "*";
    else if (atStart) {
      const star = stars === "" ? "" : stars === "*" ? "*" : "**";
      if (kind === "name") parameters.push({ name: text, last: text, star, hasDefault: false });
      atStart = false;
    } else if (depth === 1 && text === "=" && parameters.length > 0) parameters.at(-1)!.hasDefault = true;
    else if (depth === 1 && kind === "name" && before === "." && parameters.length > 0) parameters.at(-1)!.last = text;
    before = text;
  }
  return parameters;
}

function callMethod(lines: readonly PythonLine[], owner: Definition): Definition | null {
  const first = lines[owner.head + 1];
  if (first === undefined || owner.last === owner.head) return null;
  const methods = definitions(lines, owner.head + 1, owner.last + 1, first.indent);
  return methods.find(({ keyword, name }) => keyword === "def" && name.text === "__call__") ?? null;
}

/** @param isMarked by a comment, or by its place in ms-swift's table: what stands there is taken whatever its bases are */
function shapeOf(definition: Definition, call: Definition, isMarked: boolean): RewardShape | null {
  const names = new Set(call.parameters.map(({ name }) => name));
  if (definition.keyword === "class") {
    const isOrm = definition.parameters.some(({ last }) => /ORM$/.test(last));
    return isOrm || (isMarked && names.has("completions")) ? "swift-orm" : null;
  }
  if (names.has("solution_str") && names.has("ground_truth")) return "verl";
  if (names.has("completions")) return "trl";
  if (definition.name.text === "compute_score" && isOfEasyR1(names)) return "verl";
  if (isOfTokens(call.parameters)) return "trl";
  return isMarked ? "trl" : null;
}

function isOfEasyR1(names: ReadonlySet<string>): boolean {
  return easyR1Arguments.some((wanted) => wanted.every((name) => names.has(name)));
}

/** A reward for the length alone looks at tokens only. */
function isOfTokens(parameters: readonly Parameter[]): boolean {
  return parameters.some(({ name }) => name === "completion_ids") && parameters.some(({ star }) => star === "**");
}

/**
 * A function of completions that serves others: private by its name, made of `yield`, or without `**kwargs`, so that no trainer can call it,
 * and called by another function of the file. A marker makes a reward of it all the same.
 */
function isHelper(definition: Definition, top: readonly Definition[], lines: readonly PythonLine[]): boolean {
  const { name, parameters } = definition;
  const inside = ({ head, last }: Definition) => lines.slice(head + 1, last + 1).flatMap(({ tokens }) => tokens);
  if (name.text.startsWith("_") || isGenerator(definition, lines)) return true;
  if (parameters.some(({ star }) => star === "**")) return false;
  return top.some((other) => {
    const tokens = other === definition ? [] : inside(other);
    return tokens.some(
      ({ kind, text }, i) =>
        kind === "name" && text === name.text && tokens[i + 1]?.text === "(" && tokens[i - 1]?.text !== ".",
    );
  });
}

/** `yield` in its own body, not in that of a function inside. */
function isGenerator({ head, last }: Definition, lines: readonly PythonLine[]): boolean {
  for (let i = head; i <= last; i++) {
    const { tokens, indent } = lines[i]!;
    if (i > head && tokens.some(({ text }) => text === "def")) {
      while (i + 1 <= last && lines[i + 1]!.indent > indent) i++;
    } else if (tokens.some(({ kind, text }) => kind === "name" && text === "yield")) return true;
  }
  return false;
}

/** Of a function inside another one, which nothing marks. */
function isReward(parameters: readonly Parameter[]): boolean {
  const names = new Set(parameters.map(({ name }) => name));
  return names.has("completions") || isOfTokens(parameters) || (names.has("solution_str") && names.has("ground_truth"));
}

function columnsOf(parameters: readonly Parameter[], body: readonly PythonToken[], shape: RewardShape): string[] {
  const given = shape === "verl" ? verlArguments : givenArguments;
  const columns = new Set<string>();
  // EasyR1 gives no columns; other arguments are weights with defaults.
  if (shape === "verl" && isOfEasyR1(new Set(parameters.map(({ name }) => name)))) return [];
  for (const { name, star } of parameters) if (star === "" && !given.has(name)) columns.add(name);
  const kwargs = parameters.find(({ star }) => star === "**")?.name;
  for (const [i, token] of body.entries()) {
    if (kwargs === undefined || token.kind !== "name" || token.text !== kwargs) continue;
    // kwargs["name"], kwargs.get("name")
    const isIndex = body[i + 1]?.text === "[";
    const isGet = body[i + 1]?.text === "." && body[i + 2]?.text === "get" && body[i + 3]?.text === "(";
    const key = isIndex ? plainText(body[i + 2]) : isGet ? plainText(body[i + 4]) : null;
    if (key !== null && !given.has(key)) columns.add(key);
  }
  return [...columns];
}

/** `orms["name"] = Class`, also `plugin.orms["name"] = Class`: the name under which ms-swift knows a class. */
function registeredNames(lines: readonly PythonLine[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const { tokens, indent } of lines) {
    const at = tokens.findIndex(({ text }) => text === "orms");
    const [table, open, key, close, equals, value] = tokens.slice(at);
    const isTable = indent === 0 && table !== undefined && tokens.slice(0, at).every(isPartOfPath);
    if (!isTable || open?.text !== "[" || close?.text !== "]" || equals?.text !== "=") continue;
    const name = plainText(key);
    if (name !== null && value?.kind === "name") names.set(value.text, name);
  }
  return names;
}

function isPartOfPath({ kind, text }: PythonToken): boolean {
  return kind === "name" || text === ".";
}

function markerAbove(
  source: string,
  comments: readonly PythonComment[],
  start: number,
): ReturnType<typeof parseMarker> | null {
  let end = start;
  for (const comment of comments.filter(({ isAlone, start: at }) => isAlone && at < start).reverse()) {
    const after = comment.start + 1 + comment.text.length;
    if (source.slice(after, end).trim() !== "") return null;
    const marker = /^\s*iad-r1:\s*reward\b\s*/.exec(comment.text);
    if (marker !== null) {
      return parseMarker(comment.text.slice(marker[0].length), comment.start + 1 + marker[0].length);
    }
    end = comment.start;
  }
  return null;
}
