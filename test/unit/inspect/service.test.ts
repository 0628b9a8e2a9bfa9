import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InspectService } from "@iad-r1/server/inspect/service";
import { expect, test, vi } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

test("a model that is still being loaded is ended with the service, where its process kept the server alive", async () => {
  const folder = temporaryFolder();
  const entry = join(folder, "endless.mjs");
  const pidFile = join(folder, "pid");
  const text = `import { writeFileSync } from "node:fs";
process.on("message", () => writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)));`;
  writeFileSync(entry, text);
  const service = new InspectService({ entry, onLog: () => undefined });
  const request = { model: { base: folder, adapter: null }, image: { path: entry }, maxNewTokens: 4 };
  const job = service.start({ kind: "inspect", model: request.model, path: entry, references: [], request });
  const pid = () => (existsSync(pidFile) ? readFileSync(pidFile, "utf8") : "");
  await vi.waitFor(() => expect(pid()).not.toBe(""), 30_000);
  expect(service.models()).toMatchObject([{ state: "loading" }]);
  await service.dispose();
  expect(service.jobs.get(job).state).toBe("cancelled");
  expect(service.models()).toEqual([]);
  expect(() => process.kill(Number(pid()), 0)).toThrow("ESRCH");
});
