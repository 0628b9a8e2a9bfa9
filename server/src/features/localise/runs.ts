/**
 * What runs tell of themselves in the editor's language. A run writes its journal in English, whoever will read it; here findings, warnings,
 * alerts and the reason for which a run waits or failed are said anew on their way to an editor. What is not in the tables stays as it was
 * written.
 */
import type { ListedAlert, RunEvent, RunListing, WireError } from "@iad-r1/protocol/runs";
import type { RunDelta, RunsDelta, RunSnapshot, Topic } from "@iad-r1/protocol/stream";
import { translateMessage } from "./rewards";
import { runSentences } from "./runsZhCn";
import { isChineseLocale, makeLookUp } from "./translate";

export interface RunTranslator {
  listing(run: RunListing): RunListing;
  /** The state of a topic of the stream, or a change of it. */
  streamed(topic: Topic, value: unknown): unknown;
}

/** @returns null where everything stays as it is */
export function runTranslatorFor(locale: string): RunTranslator | null {
  return isChineseLocale(locale) ? chinese : null;
}

const chinese: RunTranslator = {
  listing,
  streamed(topic, value) {
    if (topic === "runs") {
      if (Array.isArray(value)) return (value as RunListing[]).map(listing);
      const delta = value as RunsDelta;
      return delta.type === "changed" ? { ...delta, run: listing(delta.run) } : delta;
    }
    if (!topic.startsWith("run/")) return value;
    if (typeof value === "object" && value !== null && "events" in value) {
      const snapshot = value as RunSnapshot;
      return { ...snapshot, listing: listing(snapshot.listing), events: snapshot.events.map(event) };
    }
    const delta = value as RunDelta;
    if (delta.type === "event") return { ...delta, event: event(delta.event) };
    return delta.type === "listing" ? { ...delta, listing: listing(delta.listing) } : delta;
  },
};

function listing(run: RunListing): RunListing {
  return {
    ...run,
    reason: reasonIn(run.reason),
    findings: run.findings.map((finding) => ({ ...finding, message: translateMessage(finding.message) })),
    ...(run.alerts === undefined ? {} : { alerts: run.alerts.map(alertIn) }),
  };
}

function event(told: RunEvent): RunEvent {
  switch (told.type) {
    case "finding":
      return { ...told, message: translateMessage(told.message) };
    case "log":
      return told.level === "warning" ? { ...told, message: sentence(told.message) ?? told.message } : told;
    case "alert":
      return alertIn(told);
    case "state":
      return { ...told, reason: reasonIn(told.reason), ...(told.error && { error: errorIn(told.error) }) };
    default:
      return told;
  }
}

const sentence = makeLookUp(runSentences, (text) => text);
const said = (english: string) => sentence(english) ?? english;

/** Where it happened is a path. */
function errorIn({ message, hint, ...rest }: WireError): WireError {
  return { ...rest, message: said(message), ...(hint !== undefined && { hint: said(hint) }) };
}

/** A rule's name is a person's own, and stands before the sentence. */
function alertIn<T extends Pick<ListedAlert, "name" | "message">>(alert: T): T {
  const begin = alert.name === null ? "" : `${alert.name}: `;
  const told = alert.message.startsWith(begin) ? sentence(alert.message.slice(begin.length)) : null;
  return told === null ? alert : { ...alert, message: `${alert.name === null ? "" : `${alert.name}：`}${told}` };
}

/** "RW104: …", as a run says why it waits, or why it failed. Other reasons are words that programs compare. */
function reasonIn(reason: string | null): string | null {
  if (reason === null) return null;
  const found = /^(RW\d{3}: )([\s\S]+)$/.exec(reason);
  return found === null ? said(reason) : found[1]! + translateMessage(found[2]!);
}
