import { defineConfig } from "vitest/config";

/** The tests that need the Python environment in .cache/python; `npm run test:python` makes it. */
export default defineConfig({
  test: {
    include: ["test/python/**/*.python.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
