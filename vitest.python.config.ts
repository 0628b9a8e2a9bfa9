import { defineConfig } from "vitest/config";

/** The tests that need the Python environment in .cache/python; `npm run test:python` makes it. */
export default defineConfig({
  test: {
    include: ["test/python/**/*.python.ts"],
    pool: "forks",
    // A test waits for one Python at a time, which keeps one core busy.
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
