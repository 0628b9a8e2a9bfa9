/** Jobs of the inspection service as plain data: made, changed by events, remembered up to a bound. Runs nothing. */
import { DataError } from "@iad-r1/models/errors";
import type { ImageReference, InspectEvent, InspectJob, InspectJobEvent, JobState } from "@iad-r1/protocol/inspect";
import type { ModelReference } from "@iad-r1/protocol/runs";

/** Ended jobs that can still be looked at. */
const maxRemembered = 200;

export function newJob(
  kind: InspectJob["kind"],
  job: string,
  model: ModelReference,
  image: ImageReference,
): InspectJob {
  return {
    ...{ job, kind, model, image, state: "queued", error: null, ahead: 0, queuedMs: Date.now() },
    ...{ width: null, height: null, computes: null, ...unwritten() },
    ...{ result: null, progress: null, heatMap: null },
  };
}

/** Nothing said yet. */
function unwritten(): Pick<InspectJob, "text" | "choices" | "tags" | "anomalyScore" | "numTokens" | "tokensPerSecond"> {
  return { text: "", choices: [], tags: [], anomalyScore: null, numTokens: 0, tokensPerSecond: null };
}

export function isEnded(state: JobState): boolean {
  return state === "finished" || state === "failed" || state === "cancelled";
}

/** Brings a job up to date; what a view does with the same event must come to the same. */
export function applyEvent(job: InspectJob, event: InspectJobEvent): void {
  switch (event.type) {
    case "state":
      job.state = event.state;
      job.error = event.error;
      job.ahead = 0;
      break;
    case "queue":
      job.ahead = event.ahead;
      break;
    case "inspect":
      applyInspectEvent(job, event.event);
      break;
    case "heat-map-progress":
      job.progress = { done: event.done, total: event.total };
      break;
    case "heat-map":
      job.heatMap = event.result;
      break;
  }
}

function applyInspectEvent(job: InspectJob, event: InspectEvent): void {
  switch (event.type) {
    case "started":
      job.width = event.width;
      job.height = event.height;
      job.computes = event.computes;
      // What a device said that failed is void.
      Object.assign(job, unwritten());
      break;
    case "prefilled":
      break;
    case "text":
      job.text += event.text;
      job.choices.push(...event.choices);
      job.anomalyScore = event.anomalyScore;
      job.numTokens = event.numTokens;
      job.tokensPerSecond = event.ms > 0 && event.numTokens > 1 ? (event.numTokens - 1) / (event.ms / 1000) : null;
      break;
    case "tag":
      if (event.phase === "open") job.tags.push({ tag: event.tag, body: null });
      else {
        const open = job.tags.findLast(({ tag }) => tag === event.tag);
        if (open !== undefined) open.body = event.body;
      }
      break;
    case "finished":
      job.result = event.result;
      job.anomalyScore = event.result.anomalyScore;
      break;
  }
}

/** All jobs that are waiting or running, and the newest that have ended. */
export class JobList {
  private readonly jobs = new Map<string, InspectJob>();

  add(job: InspectJob): void {
    this.jobs.set(job.job, job);
    let tooMany = [...this.jobs.values()].filter(({ state }) => isEnded(state)).length - maxRemembered;
    for (const [id, { state }] of this.jobs) {
      if (tooMany <= 0) break;
      if (!isEnded(state)) continue;
      this.jobs.delete(id);
      tooMany -= 1;
    }
  }

  has(id: string): boolean {
    return this.jobs.has(id);
  }

  /** @throws DataError `inspect/unknown-job` */
  get(id: string): InspectJob {
    const job = this.jobs.get(id);
    if (job !== undefined) return job;
    throw new DataError("inspect/unknown-job", `There is no inspection ${id}.`, {
      hint: "Only the newest ones are remembered: inspect the picture again.",
    });
  }

  get numActive(): number {
    return [...this.jobs.values()].filter(({ state }) => !isEnded(state)).length;
  }
}
