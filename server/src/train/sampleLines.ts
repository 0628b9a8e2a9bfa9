/**
 * Sampled groups as lines that `reward check` and `reward score` read: everything of the record that does not need a run, with the
 * prompt and the columns of the data row beside it.
 */
import type { ModelReference, RolloutRecord } from "@iad-r1/protocol/runs";
import type { InspectionSample } from "../data/samples";
import { defaultPromptStyle, policyExample } from "../generate/examples";
import { type SampleRolloutsOptions, sampleRollouts } from "./rollouts";

export type SampledLine = Pick<
  RolloutRecord,
  | ("group" | "index" | "sampleId" | "completion" | "solution" | "finish" | "length")
  | ("rewards" | "status" | "notes" | "total" | "advantage" | "meanLogProb" | "entropy")
> & {
  /** Chat messages; pictures are named, not held. */
  prompt: unknown;
  /** Names of the pictures in prompt order, the inspected one last: what shows rollouts shows them too. */
  images: string[];
} & Record<string, unknown>;

/** One line for each completion, group by group. Columns of the data row never replace what the record says. */
export async function sampleLines(
  model: ModelReference,
  samples: readonly InspectionSample[],
  options: SampleRolloutsOptions,
): Promise<SampledLine[]> {
  const { references = 0, style = defaultPromptStyle } = options;
  const records = await sampleRollouts(model, samples, options);
  const examples = samples.map((sample) => policyExample(sample, { references, style }));
  return records.map((record) => {
    const { group, index, sampleId, completion, solution, finish, length } = record;
    const { rewards, status, notes, total, advantage, meanLogProb, entropy, imageRefs } = record;
    const { columns, source } = examples[group]!;
    return {
      ...columns,
      ...{ group, index, sampleId, prompt: source.messages, images: imageRefs.map(({ id }) => id) },
      ...{ completion, solution, finish, length },
      ...{ rewards, status, notes, total, advantage, meanLogProb, entropy },
    };
  });
}
