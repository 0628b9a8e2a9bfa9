/** Which device "auto" takes and why, and what becomes of work whose device fails. */
import { ResourceError } from "@iad-r1/models/errors";
import { type AnsweringModel, decideAmong, decideFor } from "@iad-r1/server/runtime/deviceChoice";
import { deviceFailure, isDeviceFailure } from "@iad-r1/server/runtime/deviceFailure";
import type { DeviceReport } from "@iad-r1/server/runtime/devices";
import { workOnDevice } from "@iad-r1/server/runtime/deviceWork";
import { fromOrtError } from "@iad-r1/server/runtime/ortErrors";
import { describe, expect, it } from "vitest";

const works = (device: DeviceReport["device"], gflops: number): DeviceReport => ({
  ...{ device, gflops, available: true, detail: `multiplies float32 matrices at ${gflops} GFLOP/s` },
});
const fails = (device: DeviceReport["device"], detail: string): DeviceReport => ({ device, available: false, detail });
const mac = fails("coreml", "does not exist for linux-x64");

describe("auto", () => {
  it("takes the fastest device that is four times as fast as the processor", () => {
    const { device, reason } = decideAmong([works("cpu", 100), works("webgpu", 400), works("cuda", 900)]);
    expect(device).toBe("cuda");
    expect(reason).toBe("clearly the fastest: 900 beside 100 GFLOP/s of the processor");
  });

  it("stays on the processor for a smaller gain, and says what it left", () => {
    const { device, reason } = decideAmong([works("cpu", 100), works("webgpu", 399)]);
    expect(device).toBe("cpu");
    expect(reason).toMatch(/^webgpu works, but is not 4 times as fast: 399 beside 100 GFLOP\/s/);
  });

  it("names what was missing, but no device of another system", () => {
    const { device, reason } = decideAmong([works("cpu", 100), fails("webgpu", "no Vulkan driver is installed"), mac]);
    expect(device).toBe("cpu");
    expect(reason).toBe("no other device works here (webgpu: no Vulkan driver is installed)");
    expect(decideAmong([works("cpu", 100), mac]).reason).toBe("no other device works here");
  });
});

describe("auto for a model that shall answer", () => {
  // An H100 beside two cores, as measured: 95 microseconds an operation while its processor was busy.
  const card = { ...works("webgpu", 5000), startSeconds: 95e-6 };
  const decide = (model: Omit<AnsweringModel, "rows">, rows = 1) =>
    decideFor({ ...model, rows }, decideAmong([works("cpu", 350), card]), card, works("cpu", 350));

  it("stays on the processor with a small one, whose tokens are written before a device has started its operations", () => {
    const { device, reason } = decide({ layers: 4, numParameters: 4.6e6, weightBytes: 18e6 });
    expect(device).toBe("cpu");
    expect(reason).toBe(
      "webgpu multiplies faster, but the model is small: an answer of 64 tokens takes about 0.55 s there and 0.068 s on the processor",
    );
  });

  it("counts that answers written together read the weights once, on the device nearly for nothing", () => {
    const small = { layers: 24, numParameters: 0.5e9, weightBytes: 0.35e9 };
    expect(decide(small).device).toBe("cpu");
    const { device, reason } = decide(small, 8);
    expect(device).toBe("webgpu");
    expect(reason).toMatch(/; 8 answers of 64 tokens take about 3\.1 s there and 12 s on the processor$/);
  });

  it("takes the device with a large one", () => {
    const { device, reason } = decide({ layers: 28, numParameters: 2.2e9, weightBytes: 8.8e9 });
    expect(device).toBe("webgpu");
    expect(reason).toMatch(/^clearly the fastest: 5000 .*; an answer of 64 tokens takes about 3\.2 s there and 33 s/);
  });
});

describe("a failure of the runtime", () => {
  it("on another device than the processor is that device's, with the cure", () => {
    const error = fromOrtError(new Error("Device lost"), "Running decoder", null, "webgpu");
    expect(isDeviceFailure(error)).toBe(true);
    expect(error).toMatchObject({
      message: "The device webgpu failed. Running decoder: Device lost",
      hint: expect.stringMatching(/processor/),
    });
  });

  it("on the processor is not", () => {
    expect(isDeviceFailure(fromOrtError(new Error("bad node"), "Running decoder"))).toBe(false);
    expect(isDeviceFailure(fromOrtError(new Error("out of memory"), "Running decoder"))).toBe(false);
  });
});

describe("work on a device", () => {
  const run = async (failure: Error) => {
    const said: string[] = [];
    const places: string[] = [];
    const result = workOnDevice(
      "cpu",
      {},
      (level, message) => said.push(`${level}: ${message}`),
      async (device) => {
        places.push(device);
        if (places.length === 1) throw failure;
        return "done";
      },
    );
    return { said, places, result: await result.catch((error: Error) => error) };
  };

  it("begins again on the processor when the device fails, and says so", async () => {
    const { said, places, result } = await run(deviceFailure("webgpu", "Running decoder", "Device lost"));
    expect(result).toBe("done");
    expect(places).toEqual(["cpu", "cpu"]);
    expect(said).toEqual([
      "info: Computes on cpu: as asked.",
      expect.stringMatching(/^warning: The device webgpu failed.*Device lost.*Begun again on the processor/),
    ]);
  });

  it("fails with every other error", async () => {
    const failure = new ResourceError("resource/memory", "no memory");
    const { places, result } = await run(failure);
    expect(result).toBe(failure);
    expect(places).toHaveLength(1);
  });
});
