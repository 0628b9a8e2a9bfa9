/**
 * Training targets for samples that have labels but no reasoning, such as photographs annotated by hand: a chain of thought
 * is composed from what is known. Depends on the sample's id alone.
 */
import { createRandom } from "@iad-r1/models/util/random";
import { unknownPlace } from "./grammar";
import type { InspectionSample } from "./samples";
import { composeThink, type Lexicon, solutionText } from "./synth/text";

/** The whole answer in the Expert-AD grammar. */
export function targetOf(sample: InspectionSample, withReference: boolean): string {
  return `<think>${thinkOf(sample, withReference)}</think>${solutionOf(sample)}`;
}

/** The tags alone: the SC-GRPO solution. A place or type that the source does not name is called "unknown" and "defect". */
export function solutionOf(sample: InspectionSample): string {
  return (
    sample.solution ??
    solutionText({
      label: sample.label,
      location: sample.location ?? unknownPlace,
      defectType: sample.defectType ?? "defect",
    })
  );
}

/** The reasoning of the source, or one composed from the annotation. */
export function thinkOf(sample: InspectionSample, withReference: boolean): string {
  if (sample.think !== undefined && sample.think !== "") return sample.think;
  return composeThink(
    {
      label: sample.label,
      defectType: sample.defectType ?? "defect",
      location: sample.location,
      look: "",
      areaShare: null,
      tone: 0,
      elongated: false,
      distractors: [],
      gray: true,
    },
    lexiconOf(sample.category),
    createRandom("think", sample.id),
    withReference,
  );
}

function lexiconOf(category: string): Lexicon {
  const noun = category.replace(/[_\-\s]+/g, " ").trim() || "product";
  return {
    nouns: [noun],
    surface: "surface",
    sound: ["the surface is even", "the outline is whole", "everything looks as it should"],
  };
}
