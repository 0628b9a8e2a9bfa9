/** The link to a TRL process that cannot be started. */
import { join } from "node:path";
import { TrlLink } from "@iad-r1/server/train/trl/link";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

it("leaves no server open when the process or its log cannot be begun", async () => {
  const folder = temporaryFolder();
  const launch = { python: "python3", processes: 1, accelerateConfig: null, useCpu: true, jobFile: "job.json" };
  const servers = () => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
  const before = servers();
  await expect(TrlLink.open({ ...launch, logFile: join(folder, "none", "log") })).rejects.toThrow("ENOENT");
  await expect(TrlLink.open({ ...launch, python: "a\0b", logFile: join(folder, "log") })).rejects.toThrow();
  await expect.poll(servers).toBe(before);
});
