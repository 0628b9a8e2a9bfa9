/** Open documents and the language thread: what is told again when files beside them change. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "@iad-r1/server/features/types";
import { LanguageService } from "@iad-r1/server/language/languageService";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

it("tells of a missing file once, and no more when it is there", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "iadr1.yaml");
  let told: Finding[] = [];
  const service = new LanguageService({
    looksAtFiles: true,
    onFindings: (_, __, findings) => {
      told = findings;
    },
  });
  const missing = () => told.filter(({ code }) => code === "config/missing-path").length;
  try {
    service.change(path, 1, "model: { base: nano-base }\ndata:\n  train: { kind: mvtec, path: photos }\n");
    await vi.waitFor(() => expect(missing()).toBe(1), 10_000);
    await service.filesChanged();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(missing()).toBe(1);
    mkdirSync(join(folder, "photos"));
    await service.filesChanged();
    await vi.waitFor(() => expect(missing()).toBe(0), 5000);
    rmSync(join(folder, "photos"), { recursive: true });
    await service.filesChanged();
    await vi.waitFor(() => expect(missing()).toBe(1), 5000);
  } finally {
    await service.dispose();
  }
});
