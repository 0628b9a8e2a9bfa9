/** Checks of what clients send. The types are those of the protocol; a message is not trusted to have them. */
import type { ServerOptions } from "@iad-r1/protocol/lsp";
import { rolloutExportFormats } from "@iad-r1/protocol/rollouts";
import { expectationPattern } from "@iad-r1/protocol/rewardDebugger";
import * as z from "zod";
import { mostAlternatives } from "../generate/alternatives";

const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes("\0"), "a path cannot hold a null character");
const count = z.number().int().min(0);
const id = z.string().regex(/^[^/\\]{1,200}$/, "expected a name without slashes");
const overrides = z.array(z.string().max(10_000)).max(200);
/** Longest text of an experiment file that is taken from an editor. */
const text = z.string().max(1 << 20);

const model = z.union([z.string().min(1).max(4096), z.object({ base: path, adapter: path.nullable() })]);
const image = z.union([
  z.object({ path }),
  z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), name: z.string().max(1000) }),
]);
const look = {
  model: model.optional(),
  image,
  references: z.array(image).max(16).optional(),
  question: z.string().max(20_000).optional(),
  priority: z.enum(["interactive", "batch"]).optional(),
};

export const inspectRequest = z.object({
  ...look,
  temperature: z.number().min(0).max(100).optional(),
  seed: count.optional(),
  maxNewTokens: count.min(1).max(100_000).optional(),
  alternatives: count.max(mostAlternatives).optional(),
});
export const heatMapRequest = z.object({
  ...look,
  text: z.string().max(200_000),
  cells: count.min(2).max(24).optional(),
});
export const jobParams = z.object({ job: z.string().max(200) });
export const unloadParams = z.object({ model: model.optional() });

const trainingKind = z.enum(["pa-sft", "sc-grpo", "post-train"]);
const startedKind = z.enum(["pa-sft", "sc-grpo", "post-train", "evaluate"]);
export const runParams = z.object({ run: id });
export const resumeRunParams = z.object({ run: id, exchangeRewards: z.boolean().optional() });
export const startRunParams = z.object({
  kind: startedKind,
  configFile: path,
  text: text.optional(),
  overrides: overrides.optional(),
});
export const stopRunParams = z.object({ run: id, when: z.enum(["after-step", "now"]) });
export const forkRunParams = z.object({
  run: id,
  checkpoint: z.string().regex(/^checkpoints\/step-\d+$/),
  kind: startedKind.optional(),
  overrides: overrides.optional(),
});
export const compareRunsParams = z.object({ runs: z.array(id).min(1).max(20) });
export const exportRunParams = z.object({
  run: id,
  format: z.enum(["csv", "json", "parquet", "tensorboard", "svg", "png", "html", "journal"]),
  out: path.optional(),
});
const page = { offset: count.optional(), limit: count.min(1).max(500).optional() };
export const importRunParams = z.object({ path, projectFolder: path });
export const samplesParams = z.object({ run: id, samplesFile: z.string().max(1000), ...page });

const rolloutSource = z.union([
  z.object({ kind: z.literal("run"), run: id }),
  z.object({ kind: z.literal("file"), path }),
]);
const rolloutKey = z.object({ step: count.nullable(), group: z.string().max(10_000), index: count });
const facetValues = z.array(z.string().max(1000)).max(1000).optional();
const exploreQuery = z.object({
  filter: z.object({
    facets: z.object({
      ...{ label: facetValues, category: facetValues, verdict: facetValues, finish: facetValues },
      ...{ status: facetValues, spread: facetValues, split: facetValues, flips: facetValues },
    }),
    ranges: z.array(z.object({ column: z.string().max(1000), min: z.number(), max: z.number() })).max(100),
    text: z.string().max(10_000),
    only: z.object({ label: z.string().max(1000), rollouts: z.array(rolloutKey).max(100_000) }).nullable(),
  }),
  order: z.enum(["order", "mean", "std", "length", "advantage"]),
  descending: z.boolean(),
});
const rolloutGroup = { source: rolloutSource, step: count.nullable(), group: z.string().max(10_000) };
export const overviewParams = z.object({ source: rolloutSource });
export const queryParams = z.object({
  source: rolloutSource,
  query: exploreQuery,
  flips: z.array(rolloutKey).max(100_000).nullable(),
});
export const groupsParams = z.object({
  ...{ source: rolloutSource, query: exploreQuery },
  ...{ offset: count, limit: count.min(1).max(200) },
});
export const groupParams = z.object(rolloutGroup);
export const queriedGroupParams = z.object({ ...rolloutGroup, query: exploreQuery });
export const whatIfParams = z.object({
  ...{ source: rolloutSource, rollout: rolloutKey },
  completion: z.string().max(1 << 20),
});
export const rolloutPictureParams = z.object({ ...rolloutGroup, kind: z.enum(["picture", "mask", "thumbnail"]) });
export const exportRolloutsParams = z.object({
  ...{ source: rolloutSource, query: exploreQuery },
  ...{ format: z.enum(rolloutExportFormats), out: path.optional() },
});

const source = z.object({ path, kind: z.enum(["folder", "pa-sft", "sc-grpo", "test", "mvtec"]).optional() });
export const dataSource = source;
export const dataPageParams = z.object({
  ...source.shape,
  offset: count.optional(),
  limit: count.min(1).max(1000).optional(),
});
export const importParams = z.object({ path, name: z.string().max(1000).optional(), folder: path });
export const showImageParams = z.object({ image });
export const diagnosticsParams = z.object({
  project: path.nullable(),
  facts: z.record(z.string().max(100), z.string().max(10_000)),
});
export const projectParams = z.object({ configFile: path });
export const findSampleParams = z.object({ image: path });
export const expertSample = z.object({
  file: path,
  image,
  references: z.array(image).max(16).optional(),
  think: z.string().max(100_000),
  answer: z.enum(["yes", "no"]),
  location: z.string().max(1000).optional(),
  type: z.string().max(1000).optional(),
});
const chosenData = z.union([z.object({ kind: z.literal("synth"), seed: count, count: count.min(1) }), source]);
export const configChoices = z.object({
  project: z.string().min(1).max(200),
  kind: trainingKind,
  model: z.string().min(1).max(4096),
  adapter: path.optional(),
  train: chosenData,
  heldOut: chosenData.optional(),
  trainable: z.enum(["lora", "language", "all"]),
  paSftSteps: count.min(1).optional(),
  scGrpoSteps: count.min(1).optional(),
  folder: path,
});
/** More pictures are no sample any more. */
export const sampleProjectParams = z.object({ folder: path, images: count.min(1).max(20_000).optional() });
export const missingImagesParams = z.object({ hashes: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000) });

const serverOptions: z.ZodType<ServerOptions> = z.object({
  projectFolders: z.array(path).max(100).optional(),
  modelsDirectory: z.string().max(4096).optional(),
  threads: count.max(1024).optional(),
  idleStopMinutes: z.number().min(0).max(100_000).optional(),
  maxModels: count.min(1).max(4).optional(),
  filesFolder: path.optional(),
});

/** Options that make no sense are told, not a reason to refuse the editor. */
export function readServerOptions(value: unknown): { options: ServerOptions; fault: string | null } {
  if (value === undefined || value === null) return { options: {}, fault: null };
  const result = serverOptions.safeParse(value);
  if (result.success) return { options: result.data, fault: null };
  const issue = result.error.issues[0]!;
  return { options: {}, fault: `initializationOptions.${issue.path.join(".")}: ${issue.message}` };
}

// ---- reward debugger -----------------------------------------------------------------------------------------------

const uri = z.string().min(1).max(8192);
export const rewardScopeParams = z
  .object({
    source: rolloutSource.nullable(),
    steps: z.object({ from: count, to: count }).nullable(),
    split: z.enum(["all", "train", "eval", "probe"]),
    filter: z.enum(["all", "failing", "zero-variance", "flips"]),
    pinned: rolloutKey.nullable(),
  })
  .partial();
export const rewardLiveParams = z.object({
  maxRollouts: count.min(1).max(100_000).optional(),
  timeLimitMs: count.min(50).max(600_000).optional(),
  onType: z.boolean().optional(),
});
export const rewardSurfacesParams = z.object({
  inlayHints: z.enum(["off", "returns", "all"]),
  codeLens: z.boolean(),
  findings: z.record(z.string().max(20), z.enum(["off", "info", "warning", "error"])),
  folders: z.array(z.string().max(200)).max(100).optional(),
});
export const rewardDocumentParams = z.object({ uri });
export const rewardPlaceParams = z.object({ uri, function: z.string().min(1).max(500) });
const rewardVersion = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("screen") }),
  z.object({ kind: z.literal("disk") }),
  z.object({ kind: z.literal("run"), run: id, copy: z.string().regex(/^rewards\/[^/\\]{1,300}$/) }),
  z.object({ kind: z.literal("file"), path }),
]);
export const rewardCompareParams = z.object({ uri, before: rewardVersion, after: rewardVersion });
export const rewardTraceParams = rewardPlaceParams.extend({
  rollout: rolloutKey,
  completion: z
    .string()
    .max(1 << 20)
    .optional(),
});
export const keepProbeParams = rewardPlaceParams.extend({
  ...{ source: rolloutSource, rollout: rolloutKey, completion: z.string().max(200_000) },
  ...{ name: z.string().max(500), expect: z.string().max(100).regex(expectationPattern) },
});
export const rewardDebugParams = rewardPlaceParams.extend({ rollout: rolloutKey.optional() });
export const rewardDebugSessionParams = z.object({ session: z.string().max(100) });
export const rewardTestParams = z.object({ uri, ids: z.array(z.string().max(8192)).max(10_000) });
export const rewardSampleParams = z.object({
  ...{ folder: path, data: path, model: z.string().min(1).max(4096) },
  ...{ prompts: count.min(1).max(10_000), groupSize: count.min(2).max(1024) },
});
