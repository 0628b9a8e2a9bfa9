/** docs/protocol.md names every message that there is, and is looked at again whenever the descriptors change. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as lsp from "@iad-r1/protocol/lsp";
import { streamPath, streamProtocol, maxClientFrameBytes, pointBytes } from "@iad-r1/protocol/stream";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const document = readFileSync(join(root, "docs/protocol.md"), "utf8");

function section(title: string): string {
  return document.split(/^## /m).find((part) => part.startsWith(title)) ?? "";
}

const described = (text: string) => [...text.matchAll(/^\| `(iadr1\/[^`]+)` \|/gm)].map((match) => match[1]!).sort();

const descriptors = Object.values(lsp).filter(
  (value): value is typeof lsp.didLog | typeof lsp.serverStatus => typeof value === "object" && "method" in value,
);

it("lists every request and every notification, and nothing else", () => {
  const isNotification = ({ method }: { method: string }) => /\/did[A-Z]\w*$/.test(method);
  const methods = (all: readonly { method: string }[]) => all.map(({ method }) => method).sort();
  expect(described(section("Requests"))).toEqual(methods(descriptors.filter((one) => !isNotification(one))));
  expect(described(section("Notifications"))).toEqual(methods(descriptors.filter(isNotification)));
});

it("names the constants of the stream as they are", () => {
  const text = section("The stream");
  expect(text).toContain(`\`${streamProtocol}\``);
  expect(text).toContain(streamPath);
  expect(text).toContain(`${maxClientFrameBytes.toLocaleString("en")} bytes`);
  expect(text).toContain(`then ${pointBytes} bytes a point`);
});

it("was read again after the last change of the descriptors", () => {
  const hash = createHash("sha256");
  for (const name of ["lsp.ts", "stream.ts"]) hash.update(readFileSync(join(root, "protocol/src", name)));
  const revision = hash.digest("hex").slice(0, 16);
  expect(document, `compare the page with the code, then write the revision ${revision} into it`).toContain(
    `\`${revision}\``,
  );
});
