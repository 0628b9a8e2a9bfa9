/** What is said of a model that is not where it was, or is another kind of folder than its place asks for. */
import { join } from "node:path";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { loadExperimentModel } from "@iad-r1/server/config/modelNames";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

it("a base that is gone is named anew by an experiment, and put back for a run that goes on", async () => {
  const gone = { base: join(temporaryFolder(), "gone"), adapter: null };
  await expect(loadExperimentModel(gone)).rejects.toMatchObject({
    hint: expect.stringMatching(/^Give a folder/) as string,
  });
  await expect(loadExperimentModel(gone, true)).rejects.toMatchObject({
    hint: expect.stringMatching(/^The run began with it: put it back/) as string,
  });
});

it("an adapter in the place of the base, and a checkpoint in the place of the adapter", async () => {
  await expect(loadExperimentModel({ base: tinyFixture, adapter: null })).rejects.toMatchObject({
    hint: expect.stringMatching(/^It is an adapter/) as string,
  });
  await expect(loadModelDescription(tinyCheckpoint, { adapter: tinyCheckpoint })).rejects.toMatchObject({
    hint: expect.stringMatching(/^It is a whole checkpoint/) as string,
  });
});
