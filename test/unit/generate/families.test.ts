/**
 * Generation across families: positions on one axis and on three, crops and pictures of any size. Prompts with different pictures
 * share batches, long prompts are read in pieces, and every completion writes what transformers wrote.
 */
import { join } from "node:path";
import { type Completion, type GenerationRequest, Generator } from "@iad-r1/server/generate/generator";
import type { LiveModel } from "@iad-r1/server/generate/liveModel";
import { greedy } from "@iad-r1/server/generate/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTensors } from "../../helpers/readTensors";
import { tinyModel } from "../../helpers/tinyModel";

interface RecordedCase {
  greedy: { ids: number[] };
  "greedy_repetition_penalty_1.05"?: number[];
}

describe.each(["llava-onevision", "llava-1-5", "llava-1-6-mistral", "qwen2-vl", "qwen2-5-vl"])("%s", (family) => {
  const fixture = tinyModel(family);
  const { cases } = fixture.json<{ cases: Record<string, RecordedCase> }>("reference.json");
  const names = ["a", "b", "c"];
  let model: LiveModel;
  let generator: Generator;
  let requests: GenerationRequest[];
  beforeAll(async () => {
    model = await fixture.open();
    generator = new Generator(model);
    // The record was made with torchvision's pixels; c shows the pictures of a and b.
    const tensors = readTensors(join(fixture.folder, "reference.safetensors"));
    const pixels = (name: string) => tensors.get(`${name}.pixel_values`)!.data as Float32Array;
    const recorded = (name: string) =>
      name === "c" ? Float32Array.from([...pixels("a"), ...pixels("b")]) : pixels(name);
    // Several pictures become views of another kind in LLaVA-OneVision.
    const isRecorded = family !== "llava-onevision";
    const prompts = await fixture.prompts(model, names, (name, images) =>
      isRecorded ? { ...images, pixelValues: recorded(name) } : images,
    );
    requests = prompts.map((prompt, i) => ({ prompt, count: 1, seed: ["test", i] }));
  });
  afterAll(() => model.dispose());

  it("writes the recorded tokens, alone, in one batch and in groups", async () => {
    const options = { sampling: greedy, maxNewTokens: 24 };
    const expected = names.map((name) => cases[name]!.greedy.ids);
    const ids = (groups: Awaited<ReturnType<Generator["generate"]>>) =>
      groups.map((group) => group.map((completion) => [...completion.ids]));
    expect(ids(await generator.generate(requests, options))).toEqual(expected.map((one) => [one]));
    for (const [i, request] of requests.entries()) {
      expect(ids(await generator.generate([request], options))).toEqual([[expected[i]]]);
    }
    const [group] = ids(await generator.generate([{ ...requests[2]!, count: 3 }], options));
    expect(group).toEqual([expected[2], expected[2], expected[2]]);
  });

  it("writes the recorded tokens where some are guessed", async () => {
    let numGuessed = 0;
    for (const [i, request] of requests.entries()) {
      const plain = { sampling: greedy, maxNewTokens: 80 };
      const [[long]] = (await generator.generate([request], plain)) as [[Completion]];
      const [[completion]] = (await generator.generate([request], {
        ...{ ...plain, guess: true },
        onGuess: (guessed) => {
          numGuessed += guessed;
        },
      })) as [[Completion]];
      expect([...completion.ids.slice(0, 24)]).toEqual(cases[names[i]!]!.greedy.ids);
      expect([...completion.ids]).toEqual([...long.ids]);
    }
    expect(numGuessed).toBeGreaterThan(0);
  });

  it("reads a long prompt in pieces, wherever they cut text and pictures", async () => {
    const options = { sampling: greedy, maxNewTokens: 24 };
    const whole = await generator.generate(requests, options);
    for (const length of [17, 64, 105]) {
      const inPieces = await new Generator(model, length).generate(requests, options);
      for (const [i, [completion]] of inPieces.entries()) {
        expect([...completion!.ids]).toEqual(cases[names[i]!]!.greedy.ids);
        for (const [t, logProb] of completion!.logProbs.entries()) {
          expect(Math.abs(logProb - whole[i]![0]!.logProbs[t]!)).toBeLessThan(2e-5);
        }
      }
    }
  });

  it("counts the ids of the prompt for the repetition penalty", async () => {
    const [first] = await generator.generate(requests.slice(0, 1), {
      sampling: { ...greedy, repetitionPenalty: 1.05 },
      maxNewTokens: 24,
    });
    const ids = [...first![0]!.ids];
    if (family === "qwen2-5-vl") expect(ids).toEqual(cases.a!["greedy_repetition_penalty_1.05"]);
    else expect(ids).toHaveLength(24);
  });

  it("goes on behind a prompt that was lengthened by text", async () => {
    const [{ prompt }] = requests as [GenerationRequest];
    const written = cases.a!.greedy.ids.slice(0, 5);
    const longer = { ...prompt, inputIds: Int32Array.from([...prompt.inputIds, ...written]) };
    const [group] = await generator.generate([{ prompt: longer, count: 1, seed: [1] }], {
      sampling: greedy,
      maxNewTokens: 19,
    });
    expect([...group![0]!.ids]).toEqual(cases.a!.greedy.ids.slice(5));
  });

  it("answers a prompt without pictures the same beside one with them", async () => {
    const { inputIds, imageTokenPositions, positions } = model.processor.prepareInputs(
      [{ role: "user", content: [{ type: "text", text: "Is it good?" }] }],
      [],
    );
    if (positions !== undefined) expect([...positions.axes.slice(0, inputIds.length)]).toEqual([...inputIds.keys()]);
    const prompt = { inputIds, imageTokenPositions, images: null, ...(positions !== undefined && { positions }) };
    const options = { sampling: greedy, maxNewTokens: 6 };
    const request = { prompt, count: 1, seed: [1] };
    const [alone] = await generator.generate([request], options);
    const mixed = await generator.generate([request, requests[1]!], options);
    expect([...mixed[0]![0]!.ids]).toEqual([...alone![0]!.ids]);
  });
});
