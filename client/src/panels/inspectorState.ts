/**
 * What the inspector shows, as functions over plain data: the look of one model at one picture as its job goes on, and the entry of a
 * picture in the strip. No editor and no connection in here.
 */
import type { InspectEvent, InspectJob, InspectJobEvent, JobState } from "@iad-r1/protocol/inspect";
import type { DataSample } from "@iad-r1/protocol/project";
import type { GroundTruth, InspectorOutcome, Look } from "@iad-r1/protocol/webview";

export function idleLook(model: string | null): Look {
  return {
    ...{ model, phase: "idle", text: "", choices: [], anomalyScore: null, numTokens: 0 },
    ...{ tokensPerSecond: null, result: null, error: null },
  };
}

const phases: Record<JobState, Look["phase"]> = {
  queued: "loading",
  loading: "loading",
  running: "reading",
  finished: "finished",
  failed: "failed",
  cancelled: "stopped",
};

export function lookOfJob(model: string | null, job: InspectJob): Look {
  const phase = job.state === "running" && job.text !== "" ? "writing" : phases[job.state];
  const { text, choices, anomalyScore, numTokens, tokensPerSecond, result, error } = job;
  return { model, phase, text, choices, anomalyScore, numTokens, tokensPerSecond, result, error };
}

/** A look after one more event. The same object comes back when nothing to be seen has changed. */
export function afterEvent(look: Look, event: InspectJobEvent): Look {
  switch (event.type) {
    case "state":
      // The text that is there stays, and "writing" is not taken back by "running".
      if (event.state === "running" && look.phase === "writing") return look;
      return { ...look, phase: phases[event.state], error: event.error };
    case "inspect":
      return afterInspectEvent(look, event.event);
    default:
      return look;
  }
}

function afterInspectEvent(look: Look, event: InspectEvent): Look {
  switch (event.type) {
    case "started":
      // What a device said that failed is void.
      return { ...idleLook(look.model), phase: "reading" };
    case "prefilled":
      return look.phase === "writing" ? look : { ...look, phase: "reading" };
    case "text":
      return {
        ...look,
        phase: "writing",
        text: look.text + event.text,
        choices: event.choices.length === 0 ? look.choices : [...look.choices, ...event.choices],
        anomalyScore: event.anomalyScore,
        numTokens: event.numTokens,
        tokensPerSecond: event.ms > 0 ? (1000 * Math.max(0, event.numTokens - 1)) / event.ms : null,
      };
    case "finished":
      return {
        ...look,
        phase: "finished",
        text: event.result.text,
        result: event.result,
        anomalyScore: event.result.anomalyScore,
      };
    case "tag":
      return look; // the page finds the tags in the text itself
  }
}

export const isOver = ({ phase }: Look): boolean => phase === "finished" || phase === "stopped" || phase === "failed";
export const isBusy = ({ phase }: Look): boolean => phase === "loading" || phase === "reading" || phase === "writing";

/**
 * How a look turned out. With a threshold the anomaly score decides instead of the written answer.
 *
 * @param label what the picture shows in truth, or null when that is not known
 */
export function outcomeOf(
  look: Look | undefined,
  label: GroundTruth["label"] | null,
  threshold: number | null,
): InspectorOutcome {
  if (look === undefined || look.phase === "idle" || look.phase === "stopped") return "pending";
  if (look.phase === "failed") return "failed";
  if (look.phase !== "finished" || look.result === null) return "running";
  const answer = verdict(look, threshold);
  if (answer === null) return "unparsed";
  if (label === null) return "answered";
  if ((answer === "yes") === (label === "anomalous")) return "correct";
  return answer === "yes" ? "false-alarm" : "missed";
}

/** Whether the picture is flagged; null when the answer cannot be read. */
export function verdict(look: Look, threshold: number | null): "yes" | "no" | null {
  if (threshold !== null && look.anomalyScore !== null) return look.anomalyScore >= threshold ? "yes" : "no";
  return look.result?.answer ?? null;
}

const cells = [
  ...["top left", "top center", "top right", "center left", "center", "center right"],
  ...["bottom left", "bottom center", "bottom right"],
] as GroundTruth["locations"];

/** The truth about a picture; `maskUri` is where the page may read the mask. */
export function truthOf(sample: DataSample, maskUri: string | null): GroundTruth {
  const named = sample.locations.map((phrase) => phrase.trim().toLowerCase());
  return {
    label: sample.label,
    locations: cells.filter((cell) => named.includes(cell)).sort((a, b) => named.indexOf(a) - named.indexOf(b)),
    type: sample.defectType,
    mask: maskUri,
    boxes: [],
  };
}
