/**
 * Conversations about synthetic pictures as rows of tokens, for the language loss of `perception.ts`: a caption, questions, and now
 * and then a task of writing tags. Targets are what the assistant says; each answer weighs the same, however long it is, because
 * the short ones say the most.
 */
import { ConfigError } from "@iad-r1/models/errors";
import { type LlavaOnevisionProcessor, loadLlavaOnevisionProcessor } from "@iad-r1/models/llavaOnevision/processor";
import { ropeTables } from "@iad-r1/models/nn/rope";
import { patchesPerSide, type VisionTransformerConfig } from "@iad-r1/models/nn/visionTransformer";
import { createRandom, type Random } from "@iad-r1/models/util/random";
import type { ModelDescription } from "@iad-r1/models/zoo";
import { markupTask } from "../data/synth/markup";
import type { PerceptionBatch } from "../data/synth/perceptionBatch";
import { captionText, type QuestionPair, questionPairs } from "../data/synth/text";
import { type Tensor, tensor, zeros } from "../runtime/tensors";
import { onevisionTower } from "./onevisionTower";

const MAX_ROW = 512;
const CAPTION_REQUESTS = [
  "Describe the image.",
  "Describe the picture in one sentence.",
  "What does the image show?",
  "Give a short caption.",
];
/** Share of conversations that end with a task of writing tags. */
const MARKUP_SHARE = 0.4;

type PreparedPicture = ReturnType<LlavaOnevisionProcessor["prepareImages"]>;

/** Turns facts into conversations about the picture, as token rows with targets on everything the assistant says. */
export class CaptionRows {
  private readonly cos: Tensor;
  private readonly sin: Tensor;
  private readonly plans = new Map<number, PreparedPicture>();

  private constructor(
    private readonly processor: LlavaOnevisionProcessor,
    model: ModelDescription,
    private readonly vision: VisionTransformerConfig,
    private readonly endToken: number,
    private readonly seed: number,
    private readonly turns: number,
  ) {
    const { headDim } = model.facts.decoder;
    const tables = ropeTables(model.facts.decoder, MAX_ROW);
    this.cos = tensor("float32", tables.cos, [MAX_ROW, headDim / 2]);
    this.sin = tensor("float32", tables.sin, [MAX_ROW, headDim / 2]);
  }

  /** @param turns questions about each picture */
  static async open(model: ModelDescription, seed: number, turns: number): Promise<CaptionRows> {
    const endToken = model.generation.eosTokenIds[0];
    if (endToken === undefined) {
      const reason = `${model.folder} names no end token in generation_config.json.`;
      throw new ConfigError("perception/end-token", reason);
    }
    const vision = onevisionTower(model);
    return new CaptionRows(await loadLlavaOnevisionProcessor(model.folder), model, vision, endToken, seed, turns);
  }

  /** How the processor cuts a picture that has so many views; all such pictures are of one size. */
  private prepared(views: number): PreparedPicture {
    let known = this.plans.get(views);
    if (known === undefined) {
      const side = this.vision.imageSize * (views === 1 ? 1 : 2);
      known = this.processor.prepareImages([{ width: side, height: side, data: new Uint8Array(side * side * 3) }]);
      this.plans.set(views, known);
    }
    return known;
  }

  rows(batch: PerceptionBatch, step: number, weight: number): { feeds: Record<string, Tensor>; numTargets: number } {
    const conversations = batch.facts.map((facts, item) => {
      const prepared = this.prepared(batch.viewsPerPicture[item]!);
      return { prepared, ...this.conversation(facts, createRandom("talk", this.seed, step, item), prepared) };
    });
    const length = Math.max(...conversations.map(({ ids }) => ids.length));
    const count = conversations.length;
    const patches = patchesPerSide(this.vision) ** 2;
    const numRows = conversations.reduce((sum, { prepared }) => sum + prepared.pack.numRows, 0);
    const numViews = batch.viewsPerPicture.reduce((sum, views) => sum + views, 0);
    const ids = zeros("int64", [count, length]);
    const positions = zeros("int64", [count, length]);
    const packIndex = zeros("int64", [1, numRows]);
    const packWeight = zeros("float32", [1, numRows]);
    packWeight.data.fill(1);
    const places = zeros("int64", [numRows, 1]);
    const targetRows: bigint[] = [];
    const targets: bigint[] = [];
    const tokenWeights: number[] = [];
    const numAnswers = conversations.reduce((sum, { answers }) => sum + answers, 0);
    let firstView = 0;
    let packed = 0;
    for (const [row, { ids: rowIds, answerLengths, imageStart, prepared }] of conversations.entries()) {
      for (let at = 0; at < length; at++) positions.data[row * length + at] = BigInt(at);
      for (const [at, id] of rowIds.entries()) {
        ids.data[row * length + at] = BigInt(id);
        const answerLength = answerLengths[at]!;
        if (answerLength > 0) {
          targetRows.push(BigInt(row * length + at - 1));
          targets.push(BigInt(id));
          tokenWeights.push(weight / (numAnswers * answerLength));
        }
      }
      // A picture of the tower's own size is cut into two equal views; one is computed and stands for both.
      const computed = batch.viewsPerPicture[row]! * patches;
      const newline = prepared.pack.numViews * patches;
      for (const [n, index] of prepared.pack.index.entries()) {
        const source = index === newline ? numViews * patches : firstView * patches + (index % computed);
        packIndex.data[packed] = BigInt(source);
        places.data[packed] = BigInt(row * length + imageStart + n);
        packed++;
      }
      firstView += batch.viewsPerPicture[row]!;
    }
    const numTargets = targets.length;
    const feeds = {
      input_ids: ids,
      position_ids: positions,
      rope_cos: this.cos,
      rope_sin: this.sin,
      pack_index: packIndex,
      pack_weight: packWeight,
      image_positions: places,
      target_positions: tensor("int64", BigInt64Array.from(targetRows), [numTargets]),
      targets: tensor("int64", BigInt64Array.from(targets), [numTargets]),
      token_weights: tensor("float32", Float32Array.from(tokenWeights), [numTargets]),
    };
    return { feeds, numTargets };
  }

  /** Some of a caption and the questions, in random order, as one conversation. */
  private conversation(facts: PerceptionBatch["facts"][number], random: Random, prepared: PreparedPicture) {
    const variant = random.int(1_000_000);
    const about: QuestionPair[] = [
      { question: random.pick(CAPTION_REQUESTS), answer: captionText(facts, variant) },
      ...questionPairs(facts, variant),
    ];
    const chosen = random.shuffle(about).slice(0, this.turns);
    if (random.next() < MARKUP_SHARE) chosen.push(markupTask(facts, random));
    const { tokenizer, chatTemplate } = this.processor;
    const first = {
      role: "user",
      content: [{ type: "image" as const }, { type: "text" as const, text: chosen[0]!.question }],
    };
    const opening = this.processor.prepareInputs([first], prepared);
    const ids: number[] = [...opening.inputIds];
    // For each token the length of the answer it belongs to; 0 for what the user says.
    const answerLengths: number[] = ids.map(() => 0);
    for (const [turn, { question, answer }] of chosen.entries()) {
      if (turn > 0) {
        const text = chatTemplate.render([{ role: "user", content: question }], { addGenerationPrompt: true });
        push(tokenizer.encode(text), false);
      }
      push([...tokenizer.encode(answer), this.endToken], true);
    }
    return {
      ids: ids.slice(0, MAX_ROW),
      answerLengths: answerLengths.slice(0, MAX_ROW),
      answers: chosen.length,
      imageStart: opening.imageTokenPositions[0]!,
    };

    function push(tokens: readonly number[], isAnswer: boolean): void {
      ids.push(...tokens);
      answerLengths.push(...tokens.map(() => (isAnswer ? tokens.length : 0)));
    }
  }
}
