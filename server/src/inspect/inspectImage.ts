/**
 * One look at one picture: streams what the model writes, says when a tag opens and closes, and ends with the parsed verdict and
 * the times. Many labelled pictures at once are evaluate/evaluateModel.ts.
 */
import { loadImage } from "@iad-r1/models/vision/decode";
import type { AnswerTag, HeatMap, InspectEvent, Inspection } from "@iad-r1/protocol/inspect";
import type { ModelReference } from "@iad-r1/protocol/runs";
import { answeringModel } from "../generate/answeringModel";
import { Generator } from "../generate/generator";
import { LiveModel } from "../generate/liveModel";
import { contentPicture, type Picture, PromptEncoder } from "../generate/promptEncoder";
import { parseTags } from "../rewards/tags";
import { type DeviceDecision, decideDevice } from "../runtime/deviceChoice";
import { isDeviceFailure } from "../runtime/deviceFailure";
import type { DeviceChoice } from "../runtime/devices";
import { type HeatMapQuestion, occlusionMap } from "./heatMap";
import { promptOf } from "./question";

export interface InspectorOptions {
  model: ModelReference;
  device?: DeviceChoice;
  /** 0: one per core. */
  threads?: number;
}

export interface InspectRequest {
  /** Path of the picture. */
  image: string;
  /** Paths of pictures of good parts, shown first. */
  references?: readonly string[];
  /** Instead of the usual question. */
  question?: string;
  /** 0, the default, is greedy. */
  temperature?: number;
  seed?: number;
  /** Default 512; less where the model's positions end before. */
  maxNewTokens?: number;
  /** Other tokens named with each one that is written; default 0: none are. */
  alternatives?: number;
  signal?: AbortSignal;
  onEvent?: (event: InspectEvent) => void;
}

/** A model that is ready to look. */
export interface Inspector {
  /**
   * @throws DataError when a picture cannot be read
   * @throws CancelledError
   */
  inspect(request: InspectRequest): Promise<Inspection>;
  /** Puts another adapter on the loaded base, or none. @throws ModelFileError when it does not fit; the one before stays */
  useAdapter(folder: string | null): Promise<void>;
  /**
   * Where the answer of a completion looked.
   *
   * @throws DataError, CancelledError
   */
  heatMap(request: HeatMapQuestion): Promise<HeatMap>;
  dispose(): Promise<void>;
}

/** A model that is loaded, with what asks it. */
interface Opened {
  model: LiveModel;
  encoder: PromptEncoder;
  generator: Generator;
  decision: DeviceDecision;
}

/** @throws ModelFileError, ResourceError */
export async function openInspector({
  model: reference,
  device = "auto",
  threads,
}: InspectorOptions): Promise<Inspector> {
  const open = async (where: ModelReference, decision: DeviceDecision): Promise<Opened> => {
    const model = await LiveModel.open(where, { device: decision.device, ...(threads !== undefined && { threads }) });
    return { model, encoder: new PromptEncoder(model, 64 << 20), generator: new Generator(model), decision };
  };
  const answers = () => answeringModel(reference.base, 1);
  let opened = await open(reference, await decideDevice(device, { answers }));
  /** Asks; when the device fails under the question, asks again on the processor, and stays there. */
  const ask = async <T>(question: (parts: Opened) => Promise<T>): Promise<T> => {
    try {
      return await question(opened);
    } catch (error) {
      if (!isDeviceFailure(error)) throw error;
      const { model } = opened;
      // What a lost device still holds is its own.
      await model.dispose().catch(() => undefined);
      opened = await open(model.reference, { device: "cpu", reason: error.message });
      return await question(opened);
    }
  };
  return {
    inspect: (request) => ask((parts) => inspect(parts, request)),
    useAdapter: (folder) => ask(({ model }) => model.switchAdapter(folder)),
    heatMap: (request) => ask((parts) => occlusionMap(parts, request)),
    dispose: () => opened.model.dispose(),
  };
}

async function inspect({ model, encoder, generator, decision }: Opened, request: InspectRequest): Promise<Inspection> {
  const { image, references = [], temperature = 0, seed = 0, signal, onEvent = () => undefined } = request;
  const started = performance.now();
  const pictures: Picture[] = [];
  for (const path of [...references, image]) {
    const loaded = await loadImage(path);
    // The file may change between two inspections, so pictures are known by their pixels.
    pictures.push(contentPicture(loaded));
    if (path === image) {
      const { width, height } = loaded;
      onEvent({ type: "started", image, references: [...references], width, height, computes: { ...decision } });
    }
  }
  const loaded = performance.now();
  const [prompt] = await encoder.encode([promptOf(pictures, request.question)]);
  const encoded = performance.now();
  const tags = new TagFollower(onEvent);
  let prefilled = encoded;
  let firstToken = 0;
  const { maxPositions } = model.description.facts.decoder;
  const [group] = await generator.generate([{ prompt: prompt!, count: 1, seed: [seed, "inspect"] }], {
    sampling: { temperature, topK: 0, topP: 1, repetitionPenalty: 1 },
    maxNewTokens: Math.max(1, Math.min(request.maxNewTokens ?? 512, maxPositions - prompt!.inputIds.length)),
    ...{ anomalyScore: true, guess: true, alternatives: request.alternatives ?? 0 },
    ...(signal && { signal }),
    onPrefill: () => {
      prefilled = performance.now();
      const { inputIds, numImageTokens } = prompt!;
      onEvent({
        ...{ type: "prefilled", promptTokens: inputIds.length, imageTokens: numImageTokens },
        ms: prefilled - encoded,
      });
    },
    onText: ({ text, anomalyScore, numTokens, choices }) => {
      firstToken ||= performance.now();
      onEvent({ type: "text", text, anomalyScore, numTokens, ms: performance.now() - firstToken, choices });
      tags.push(text);
    },
  });
  const ended = performance.now();
  const { text, finish, anomalyScore, ids } = group![0]!;
  const { answer, location, type, think } = parseTags(text);
  const result: Inspection = {
    ...{ image, answer, location, type, think, text, anomalyScore, finish },
    tokens: { prompt: prompt!.inputIds.length, image: prompt!.numImageTokens, completion: ids.length },
    timings: {
      preprocess: loaded - started,
      vision: encoded - loaded,
      prefill: prefilled - encoded,
      firstToken: (firstToken || ended) - started,
      decode: ended - prefilled,
      total: ended - started,
    },
  };
  onEvent({ type: "finished", result });
  return result;
}

const answerTags: readonly AnswerTag[] = ["think", "location", "type", "answer"];

/** Notices tags while the text grows. A tag that never closes has no closing event. */
class TagFollower {
  private text = "";
  private searched = 0;
  private open: { tag: AnswerTag; bodyStart: number } | null = null;

  constructor(private readonly onEvent: (event: InspectEvent) => void) {}

  push(piece: string): void {
    this.text += piece;
    const pattern = /<(\/?)(think|location|type|answer)>/gi;
    pattern.lastIndex = this.searched;
    for (let match = pattern.exec(this.text); match !== null; match = pattern.exec(this.text)) {
      this.searched = pattern.lastIndex;
      const tag = answerTags.find((name) => name === match![2]!.toLowerCase())!;
      if (match[1] === "") {
        this.open = { tag, bodyStart: pattern.lastIndex };
        this.onEvent({ type: "tag", tag, phase: "open", body: null });
      } else if (this.open?.tag === tag) {
        const body = this.text.slice(this.open.bodyStart, match.index).trim();
        this.open = null;
        this.onEvent({ type: "tag", tag, phase: "close", body });
      }
    }
  }
}
