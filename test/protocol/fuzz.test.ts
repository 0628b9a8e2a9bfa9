/**
 * Garbage for every request there is, over the WebSocket of `iad-r1 serve`: parameters that nearly fit, with huge numbers, wrong types,
 * missing and strange parts. Each gets an answer, an error says what was expected in words for people, and the server goes on.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as lsp from "@iad-r1/protocol/lsp";
import type { WireError } from "@iad-r1/protocol/runs";
import { streamPath } from "@iad-r1/protocol/stream";
import { Dispatcher } from "@iad-r1/server/lsp/dispatch";
import { type RemoteServer, serve } from "@iad-r1/server/serve";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import {
  CancellationTokenSource,
  LSPErrorCodes,
  type ProtocolConnection,
  ResponseError,
} from "vscode-languageserver/node";
import { z } from "zod";
import { connectStream } from "../helpers/languageClient";
import { connectTo } from "../helpers/remoteConnection";
import { locationReward, locationRollouts } from "../helpers/rewardFixture";

vi.setConfig({ testTimeout: 900_000, hookTimeout: 300_000 });

interface Schema {
  [key: string]: unknown;
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
}

let folder = "";
let remote: RemoteServer;
let token = "";
let connection: ProtocolConnection;
/** Schema of the parameters by method; null where there are none. */
const methods = new Map<string, Schema | null>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fuzz-"));
  mkdirSync(join(folder, ".iadr1/runs/good/rollouts"), { recursive: true });
  mkdirSync(join(folder, "rewards"));
  writeFileSync(join(folder, "iadr1.yaml"), "model: {base: nano-base}\ndata: {train: [}\n");
  writeFileSync(join(folder, "rewards/location.reward.ts"), locationReward);
  writeFileSync(
    join(folder, "rollouts.jsonl"),
    locationRollouts()
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(""),
  );
  writeFileSync(join(folder, "broken.json"), '[{"images": 3}, null, {"messages": ');
  writeFileSync(join(folder, "broken.png"), "no picture");
  writeFileSync(join(folder, ".iadr1/runs/good/run.json"), '{"format": "iad-r1/run", "version": 1, "id": "good"}');
  const on = vi.spyOn(Dispatcher.prototype, "on");
  const on0 = vi.spyOn(Dispatcher.prototype, "on0");
  remote = await serve({
    ...{ listen: "127.0.0.1:0", tokenFile: join(folder, "token"), roots: [folder], onLog: () => undefined },
  });
  token = readFileSync(join(folder, "token"), "utf8").trim();
  ({ connection } = await connectTo(remote.url, { token }));
  for (const [type, schema] of on.mock.calls) {
    methods.set(type.method, z.toJSONSchema(schema, { unrepresentable: "any" }) as Schema);
  }
  for (const [type] of on0.mock.calls) methods.set(type.method, null);
});
afterAll(async () => {
  connection.dispose();
  await remote.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

/** Texts that mean something where they stand, and such that mean nothing. */
function texts(name: string): fc.Arbitrary<unknown> {
  const known: Record<string, string[]> = {
    run: ["good", "none", "..", "con"],
    group: ["0", "good/0", "1"],
    job: ["1", "none"],
    function: ["location", "none"],
    uri: [pathToFileURL(join(folder, "rewards/location.reward.ts")).href, "untitled:1", "file:///%", "x"],
    checkpoint: ["checkpoints/step-1"],
    copy: ["rewards/a.ts"],
    samplesFile: ["evaluations/base.jsonl", "../../token", "/etc/hostname"],
    sha256: ["0".repeat(64)],
  };
  const paths = [
    "",
    "iadr1.yaml",
    "rollouts.jsonl",
    "broken.json",
    "broken.png",
    "none.json",
    ".iadr1/runs/good",
    "token",
  ]
    .map((path) => join(folder, path))
    .concat("../..", "relative.json", `${folder}/\u{1F600}`, join(tmpdir(), "outside.json"));
  const isPath = /^(path|file|out|folder|data|image|configFile|projectFolder|base|adapter|project|model)$/.test(name);
  return fc.constantFrom<unknown>(...(known[name] ?? (isPath ? paths : ["", "a", "none"])));
}

/** Values that fit a schema, with numbers at their ends. */
function fitting(schema: Schema, name = ""): fc.Arbitrary<unknown> {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((each) => fitting(each, name)));
  if ("const" in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  const least = typeof schema.minimum === "number" ? schema.minimum : 0;
  // Work that somebody really asks for may take its time: as many pictures as are allowed are no garbage.
  if (name === "images" && schema.type === "integer") return fc.constantFrom(1, 2);
  const most = typeof schema.maximum === "number" ? schema.maximum : Number.MAX_SAFE_INTEGER;
  switch (schema.type) {
    case "object": {
      const { properties = {}, required = [] } = schema;
      const parts = Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, fitting(part, key)]));
      // Left out it would be two hundred.
      const always = "images" in properties && properties.images!.type === "integer" ? ["images"] : [];
      return fc.record(parts, { requiredKeys: [...required, ...always] });
    }
    case "array":
      return fc.array(fitting(schema.items ?? {}, name), { maxLength: 3 });
    case "string":
      return texts(name);
    case "integer":
    case "number":
      return fc.constantFrom(least, least + 1, most);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return fc.constant(null);
  }
}

const junk = fc.constantFrom<unknown>(
  ...[
    null,
    true,
    -1,
    0.5,
    1e308,
    -0,
    "",
    "\0",
    "\ud800",
    "../../..",
    "__proto__",
    [],
    {},
    [[[[]]]],
    { constructor: 1 },
  ],
  ...["x".repeat(100_000), { toString: null }, JSON.parse('{"__proto__": {"run": 1}}') as object, 2 ** 53],
);

/** The value with one of its parts changed or left out. */
function spoilt(value: unknown, at: number[], other: unknown): unknown {
  const [first, ...rest] = at;
  if (first === undefined || typeof value !== "object" || value === null) return other;
  const keys = Object.keys(value);
  if (keys.length === 0) return other;
  const key = keys[first % keys.length]!;
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const parts = copy as Record<string, unknown>;
  if (rest.length === 0 && first % 3 === 0) delete parts[key];
  else parts[key] = spoilt(parts[key], rest, other);
  return copy;
}

/** What measures the machine each time. */
const heavy = new Set<string>([lsp.doctorCheck.method, lsp.collectDiagnostics.method]);

async function answerOf(method: string, params: unknown): Promise<ResponseError<WireError> | null> {
  try {
    await connection.sendRequest(method, params);
    return null;
  } catch (error) {
    if (error instanceof ResponseError) return error as ResponseError<WireError>;
    throw error;
  }
}

/** What no person should have to read. */
const unclear =
  /undefined|\[object|NaN|Cannot read|is not a function|not iterable|Unexpected (token|end)|^\s*at |Maximum call/;

function faultOf(error: ResponseError<WireError>): string | null {
  if (error.code === LSPErrorCodes.RequestCancelled) return null;
  const { code, message } = error.data ?? { code: "", message: "" };
  if (error.code !== lsp.wireErrorCode) return `answers with code ${error.code}: ${error.message}`;
  if (!/^[a-z][\w-]*\/[\w-]+$/.test(code)) return `has the error code ${JSON.stringify(code)}: ${message}`;
  if (/^internal/.test(code)) return `is an internal error: ${message}`;
  return message === "" || unclear.test(message) ? `says: ${message}` : null;
}

it("answers every request, whatever it is asked, with sense or with a clear refusal", async () => {
  expect(methods.size).toBeGreaterThan(50);
  const faults: string[] = [];
  for (const [method, schema] of methods) {
    if (heavy.has(method)) continue;
    const whole = schema === null ? junk : fitting(schema);
    const changed = fc.tuple(whole, fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), junk);
    const cases = [
      ...fc.sample(whole, { numRuns: 5, seed: 1 }),
      ...fc.sample(changed, { numRuns: 12, seed: 2 }).map(([value, at, other]) => spoilt(value, at, other)),
      ...fc.sample(junk, { numRuns: 3, seed: 3 }),
    ];
    const errors = await Promise.all(cases.map((params) => answerOf(method, params)));
    for (const [i, error] of errors.entries()) {
      const fault = error === null ? null : faultOf(error);
      if (fault !== null) faults.push(`${method} ${JSON.stringify(cases[i])?.slice(0, 300)} ${fault}`);
    }
  }
  expect(faults).toEqual([]);
  expect(await connection.sendRequest(lsp.serverStatus)).toMatchObject({ transport: "remote" });
});

it("keeps apart what is cancelled at once from what goes on", async () => {
  const sources = Array.from({ length: 20 }, () => new CancellationTokenSource());
  const answers = sources.map(({ token }) =>
    connection.sendRequest(lsp.listRuns, token).catch((error: unknown) => error),
  );
  for (const source of sources) source.cancel();
  for (const answer of await Promise.all(answers)) {
    if (!Array.isArray(answer)) expect(answer).toMatchObject({ code: LSPErrorCodes.RequestCancelled });
  }
  expect(await connection.sendRequest(lsp.listRuns)).toEqual(expect.any(Array));
});

it("takes back numbers of points that nobody can have, and closes what breaks the rules", async () => {
  const frames = fc.oneof(
    fc.json(),
    fc.record({ type: junk, topic: junk, points: junk }).map((value) => JSON.stringify(value)),
    fc
      .record({ type: fc.constant("subscribe"), topic: fc.constantFrom("runs", "run/good", "inspect/x"), points: junk })
      .map((value) => JSON.stringify(value)),
  );
  for (const frame of fc.sample(frames, { numRuns: 60, seed: 4 })) {
    const stream = await connectStream(`${remote.url}${streamPath}`, token);
    stream.socket.on("error", () => undefined);
    const closed = new Promise<number>((resolve) => stream.socket.once("close", resolve));
    stream.socket.send(frame);
    // A person's own frame behind it: taken where the first one was sound.
    stream.subscribe("runs", { count: Number.MAX_SAFE_INTEGER, generation: Number.MAX_SAFE_INTEGER });
    const code = await Promise.race([closed, stream.until(() => stream.frames.some(({ topic }) => topic === "runs"))]);
    expect([undefined, 1008, 1009], frame).toContain(code);
    stream.close();
  }
  expect(await connection.sendRequest(lsp.serverStatus)).toMatchObject({ transport: "remote" });
});
