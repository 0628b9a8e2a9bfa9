import { defineConfig } from "vitest/config";

/** The tests on a graphics device, which `npm run test:webgpu` finds or makes in software. */
export default defineConfig({
  test: {
    include: ["test/webgpu/**/*.webgpu.ts"],
    pool: "forks",
    // One process: shaders are compiled on the processor, and each process would compile its own.
    maxWorkers: 1,
    isolate: false,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
  },
});
