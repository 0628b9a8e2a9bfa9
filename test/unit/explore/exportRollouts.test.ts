/** Rollouts as a file for other programs: what becomes of the file when the export ends early. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CancelledError } from "@iad-r1/models/errors";
import { exportRollouts } from "@iad-r1/server/explore/exportRollouts";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const row: RolloutRow = { group: "a", index: 0, prompt: null, completion: "b", solution: null, columns: {} };

test.each(["jsonl", "csv", "parquet"] as const)(
  "an export that is cancelled leaves the %s that was there",
  async (format) => {
    const folder = temporaryFolder();
    const out = join(folder, "out");
    writeFileSync(out, "before");
    async function* pieces() {
      yield [row];
      throw new CancelledError();
    }
    await expect(exportRollouts(pieces(), [], format, out)).rejects.toThrow(CancelledError);
    expect(readFileSync(out, "utf8")).toBe("before");
    expect(readdirSync(folder)).toEqual(["out"]);
  },
);
