import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files begin by their size; these take longest, and whatever is left at the end has one of two cores idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => moduleId.includes("/trl");
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

/** The tests that need the Python environment in .cache/python; `npm run test:python` makes it. */
export default defineConfig({
  test: {
    include: ["test/python/**/*.python.ts"],
    pool: "forks",
    // A test waits for one Python at a time, which keeps one core busy.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
