import { defineConfig } from "vitest/config";

/** The tests that need the Python environment in .cache/python; `npm run test:python` makes it. */
export default defineConfig({
  test: {
    include: ["test/python/**/*.python.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
