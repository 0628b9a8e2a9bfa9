/**
 * Open documents and what the language thread says about them. Text goes over when somebody asks or typing rests; findings come back by
 * version, and those of an older text are dropped. Knows no LSP.
 */
import { WorkerError } from "@iad-r1/models/errors";
import type { Completion, Finding, HoverText, Lens, TextPosition } from "../features/types";
import { entryPath } from "../runtime/entry";
import { startWorker, type WorkerClient } from "../runtime/workerClient";
import type { LanguageMethods, LanguageOptions } from "./languageWorker";

export interface LanguageServiceOptions {
  /** Look for files that documents name; false where they lie on another machine. */
  looksAtFiles: boolean;
  /** The editor's language, once it has said so. */
  locale?: () => string;
  onFindings: (path: string, version: number, findings: Finding[]) => void;
  onLog?: (message: string) => void;
  /** How long typing must rest before findings are looked for; default 80 ms. */
  restMs?: number;
  /** Entry of the thread; that of this installation when left out. */
  entry?: string;
}

interface OpenText {
  version: number;
  text: string;
  /** The version that the thread has or is being given; -1 for none. */
  sent: number;
  /** Ends when the thread has read that version. */
  reading: Promise<void>;
  /** Null: no language of ours. */
  ofText: Finding[] | null;
  /** About files that the text names; none while they have not been looked for. */
  ofFiles: Finding[];
  timer: NodeJS.Timeout | null;
}

/** Files are looked for when typing has rested so much longer. */
const filesRestMs = 400;

export class LanguageService {
  private readonly texts = new Map<string, OpenText>();
  private client: Promise<WorkerClient<LanguageMethods>> | null = null;
  private disposed = false;

  constructor(private readonly options: LanguageServiceOptions) {}

  change(path: string, version: number, text: string): void {
    const known = this.texts.get(path);
    const open: OpenText = known ?? {
      version,
      text,
      sent: -1,
      reading: Promise.resolve(),
      ofText: null,
      ofFiles: [],
      timer: null,
    };
    open.version = version;
    open.text = text;
    this.texts.set(path, open);
    if (open.timer !== null) clearTimeout(open.timer);
    open.timer = setTimeout(() => void this.look(path, open), known === undefined ? 0 : (this.options.restMs ?? 80));
  }

  close(path: string): void {
    const open = this.texts.get(path);
    if (open === undefined) return;
    if (open.timer !== null) clearTimeout(open.timer);
    this.texts.delete(path);
    this.options.onFindings(path, open.version, []);
    if (open.sent >= 0) void this.call("close", { path }).catch(() => undefined);
  }

  /** Findings of the text that was last looked at. */
  findings(path: string): readonly Finding[] {
    const open = this.texts.get(path);
    return open === undefined ? [] : findingsOf(open);
  }

  async completions(path: string, position: TextPosition, signal: AbortSignal): Promise<Completion[]> {
    return (await this.send(path)) ? this.call("completions", { path, position }, signal) : [];
  }

  async hover(path: string, position: TextPosition, signal: AbortSignal): Promise<HoverText | null> {
    return (await this.send(path)) ? this.call("hover", { path, position }, signal) : null;
  }

  async lenses(path: string, signal: AbortSignal): Promise<Lens[]> {
    return (await this.send(path)) ? this.call("lenses", { path }, signal) : [];
  }

  /** Files changed outside of the editor: looks again at what names files. */
  async filesChanged(): Promise<void> {
    if (this.client === null) return;
    await this.call("forget", { path: null }).catch(() => undefined);
    for (const [path, open] of this.texts) if (open.ofText !== null) void this.look(path, open);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    for (const { timer } of this.texts.values()) if (timer !== null) clearTimeout(timer);
    await (await this.client?.catch(() => null))?.dispose();
  }

  /** Brings the thread's text up to date. False for a document of no language of ours. */
  private async send(path: string): Promise<boolean> {
    const open = this.texts.get(path);
    if (open === undefined) return false;
    if (open.sent !== open.version) {
      open.sent = open.version;
      open.reading = this.call("open", { path, text: open.text }).then(
        (findings) => {
          open.ofText = findings;
          open.ofFiles = [];
        },
        (error: unknown) => {
          open.sent = -1;
          throw error;
        },
      );
    }
    await open.reading;
    return open.ofText !== null;
  }

  private async look(path: string, open: OpenText): Promise<void> {
    try {
      const { version } = open;
      if (!(await this.send(path)) || this.isStale(path, open, version)) return;
      this.options.onFindings(path, version, findingsOf(open));
      if (!this.options.looksAtFiles) return;
      open.timer = setTimeout(() => void this.lookAtFiles(path, open, version), filesRestMs);
    } catch (error) {
      this.complain(error);
    }
  }

  private async lookAtFiles(path: string, open: OpenText, version: number): Promise<void> {
    try {
      const ofFiles = await this.call("files", { path });
      if (this.isStale(path, open, version)) return;
      open.ofFiles = ofFiles;
      this.options.onFindings(path, version, findingsOf(open));
    } catch (error) {
      this.complain(error);
    }
  }

  private isStale(path: string, open: OpenText, version: number): boolean {
    return this.texts.get(path) !== open || open.version !== version;
  }

  private async call<K extends keyof LanguageMethods & string>(
    method: K,
    params: LanguageMethods[K]["params"],
    signal?: AbortSignal,
  ): Promise<LanguageMethods[K]["result"]> {
    const client = await this.start();
    return client.call(method, params, signal === undefined ? {} : { signal });
  }

  private start(): Promise<WorkerClient<LanguageMethods>> {
    if (this.client !== null) return this.client;
    const { entry = entryPath("languageWorker"), locale, onLog } = this.options;
    const started = startWorker<LanguageMethods, LanguageOptions>(
      { isolation: "thread", entry },
      {
        name: "The language thread",
        init: { locale: locale?.() ?? "en" },
        graceMs: 60_000,
        ...(onLog !== undefined && { onLog }),
      },
    );
    this.client = started;
    void started
      .then((client) => client.closed)
      .catch(() => undefined)
      .then(() => {
        if (this.client !== started) return;
        // A new thread knows none of the texts.
        this.client = null;
        for (const open of this.texts.values()) open.sent = -1;
      });
    return started;
  }

  private complain(error: unknown): void {
    if (this.disposed || WorkerError.is(error, "worker/crashed")) return;
    this.options.onLog?.(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function findingsOf({ ofText, ofFiles }: OpenText): Finding[] {
  return [...(ofText ?? []), ...ofFiles];
}
