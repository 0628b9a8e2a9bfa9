import { dashboardPanel, inspectorPanel, readHostMessage, readViewMessage } from "@iad-r1/protocol/webview";
import { contentPolicy, webviewPage } from "@iad-r1/protocol/webviewPage";
import { expect, it } from "vitest";

const view = (message: unknown) => readViewMessage(inspectorPanel, message).fault;
const host = (message: unknown) => readHostMessage(dashboardPanel, message).fault;

it("takes the messages of a view", () => {
  expect(view({ kind: "ready" })).toBeNull();
  expect(view({ kind: "tell", type: "look/start", body: { slot: 1 } })).toBeNull();
  expect(view({ kind: "ask", id: 3, type: "heat/get", body: { slot: 0, image: "x" } })).toBeNull();
});

it("says what is wrong with a message, and where", () => {
  expect(view({ kind: "tell", type: "look/start", body: { slot: -1 } })).toBe(
    "body.slot: expected whole number, 0 or more, got -1",
  );
  expect(view({ kind: "tell", type: "files/open", body: { uris: ["a", 7] } })).toBe(
    "body.uris[1]: expected text, got 7",
  );
  expect(view({ kind: "tell", type: "toString", body: {} })).toBe("unknown message toString");
  expect(view({ kind: "ask", id: 1, type: "__proto__", body: {} })).toBe("unknown request __proto__");
  expect(view({ kind: "ask", id: Number.NaN, type: "heat/get", body: { slot: 0, image: "x" } })).toContain(
    "id: expected",
  );
  for (const value of [null, 7, "ready", [], { kind: "snapshot" }]) expect(view(value)).not.toBeNull();
});

it("takes points only as arrays of numbers, and states only by name", () => {
  const points = {
    stage: "s",
    name: "loss",
    from: 0,
    steps: Float64Array.of(1),
    timesMs: Float64Array.of(1),
    values: Float64Array.of(1),
  };
  const message = (change: object) => ({
    kind: "change",
    seq: 1,
    type: "run/points",
    body: { run: "r", points: [{ ...points, ...change }] },
  });
  expect(host(message({}))).toBeNull();
  expect(host(message({ values: [1] }))).toBe("body.points[0].values: expected 64-bit floats, got list");
  expect(
    host({ kind: "change", seq: 1, type: "run/changed", body: { run: "r", change: { state: "gone" } } }),
  ).toContain("body.change.state: expected one of");
  expect(host({ kind: "change", type: "run/hidden", body: { run: "r" } })).toContain("seq: expected");
  expect(host({ kind: "command", name: "resetZoom" })).toBeNull();
  expect(host({ kind: "command", name: "formatDisk" })).toBe("unknown command formatDisk");
});

it("writes a page that runs one script and asks for nothing else", () => {
  const page = webviewPage({
    ...{
      panel: "inspector",
      title: 'a"><script>',
      locale: "en",
      script: "s.js",
      style: "s.css",
      cspSource: "https://host",
      nonce: "abc",
    },
  });
  expect(page.match(/<script/g)).toEqual(["<script"]);
  expect(page).toContain('nonce="abc"');
  expect(contentPolicy({ cspSource: "https://host", nonce: "abc" })).toMatch(
    /^default-src 'none'; script-src 'nonce-abc';/,
  );
  expect(contentPolicy({ cspSource: "https://host", nonce: "abc" })).not.toContain("unsafe");
});
