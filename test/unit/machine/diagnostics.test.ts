/** The text for a bug report: enough to help, and nothing that must not leave the machine. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { diagnosticsText } from "@iad-r1/server/machine/diagnostics";
import { withoutSecrets } from "@iad-r1/server/machine/redact";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const words = ["alice", "alices-laptop"];

describe("withoutSecrets", () => {
  it.each([
    ["token=abc123", "token=<secret>"],
    ['{"apiKey": "k-1", "ok": 1}', '{"apiKey": <secret>, "ok": 1}'],
    ["HF_TOKEN: hf_abcdefghijklmnop", "HF_TOKEN: <secret>"],
    ["Authorization: Bearer abcdefghij.klm", "Authorization: <secret>"],
    ["sent Bearer abcdefghijkl", "sent Bearer <secret>"],
    ["password = 'two words'", "password = <secret>"],
    ["key hf_abcdefghijklmnop here", "key <secret> here"],
    ["ghp_0123456789abcdefghij", "<secret>"],
    ["https://bob:pw@host.example/a", "https://<secret>@host.example/a"],
    ["wss://host.example/stream?t=1&x=2", "wss://host.example/stream?<secret>"],
    ["write to bob@example.com", "write to <address>"],
    ["at 10.2.3.4 and 127.0.0.1", "at <address> and 127.0.0.1"],
    ["-----BEGIN KEY-----\nabc\n-----END KEY-----", "<secret>"],
    ["hash 0123456789abcdef0123456789abcdef01", "hash <long-text>"],
    ["cannot read /home/alice/customers/acme/part.png: gone", "cannot read <path>/part.png: gone"],
    ["C:\\Users\\alice\\line 4", "<path>/line 4"],
    ["\\\\server\\share\\x.png", "<path>/x.png"],
    ["Alice ran it on alices-laptop", "<name> ran it on <name>"],
    ["malice and 1/2 done, step 3/25", "malice and 1/2 done, step 3/25"],
    ["node 20.19.0, linux x64", "node 20.19.0, linux x64"],
    ["see https://example.com/docs/page", "see https://example.com/docs/page"],
  ])("%j", (text, expected) => {
    expect(withoutSecrets(text, { words })).toBe(expected);
  });

  it("names the project's folder instead of showing it", () => {
    const folders = [{ path: "/home/alice/acme line", name: "<project>" }];
    expect(withoutSecrets("at /home/alice/acme line/iadr1.yaml", { words, folders })).toBe("at <project>/iadr1.yaml");
  });

  it("stays quick on long texts", () => {
    const started = performance.now();
    withoutSecrets("a1".repeat(100_000), { words });
    withoutSecrets("/a".repeat(100_000), { words });
    withoutSecrets("token ".repeat(30_000), { words });
    withoutSecrets("a@".repeat(50_000), { words });
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe("diagnosticsText", () => {
  it("tells versions, checks, settings and findings, but no free text of the experiment", () => {
    const project = temporaryFolder();
    writeFileSync(
      join(project, "iadr1.yaml"),
      "project: Acme secret line\nmodel: { base: /home/alice/models/acme, hub_token: hf_abcdefghijklmnop }\ndata:\n  train: { kind: folder, path: customers/acme, categories: [bolt of Acme] }\nstages: { scGrpo: { lossType: dapo, groupSize: 1, rewards: [{ name: iad-r1/accuracy, weight: 2 }] } }\n",
    );
    const text = diagnosticsText({
      ...{ version: "1.2.3", project, words },
      checks: [{ name: "Disk", status: "problem", evidence: `0.1 GiB free in ${project}`, cure: "free some space" }],
      facts: { editor: "VS Code 1.100" },
      log: "10:00 connected with token=abc\n10:01 read /home/alice/part.png",
    });
    for (const part of [
      "iad-r1 1.2.3",
      "editor: VS Code 1.100",
      "problem  Disk: 0.1 GiB free in <project> (cure: free some space)",
      '"lossType":"dapo"',
      '"groupSize":1',
      '"name":"iad-r1/accuracy"',
      "error config/wrong-value",
      "error config/unknown-key",
      "10:01 read <path>/part.png",
      "## Latest runs\n\nnone",
    ]) {
      expect(text).toContain(part);
    }
    for (const secret of ["Acme", "acme", "alice", "hf_", "abc", project]) expect(text).not.toContain(secret);
  });

  it("says what cannot be read instead of failing", () => {
    const project = temporaryFolder();
    mkdirSync(join(project, "iadr1.yaml"));
    const text = diagnosticsText({ version: "1", project, checks: [], words });
    expect(text).toContain("cannot be read");
    expect(diagnosticsText({ version: "1", project: join(project, "none"), checks: [], words })).toContain(
      "Latest runs",
    );
  });
});
