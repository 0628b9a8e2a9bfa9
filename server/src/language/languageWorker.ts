/** Entry of the thread in which documents are read: a large file must not keep the server from answering. */
import { pathToFileURL } from "node:url";
import { ConfigError } from "@iad-r1/models/errors";
import { embeddedModel } from "../config/modelNames";
import { completionsAt } from "../features/completions";
import { imageFolders, type LanguageDocument, openDocument } from "../features/documents";
import { createFileProbe } from "../features/files";
import { fileFindings, textFindings } from "../features/findings";
import { hoverAt } from "../features/hovers";
import { lensesOf } from "../features/lenses";
import { translatorFor } from "../features/localise/translate";
import type { Completion, Finding, HoverText, Lens, TextPosition } from "../features/types";
import { serveHost } from "../runtime/workerHost";

interface Place {
  path: string;
  position: TextPosition;
}

/** Methods of the language thread. A document must be opened with its text before it is asked about. */
export type LanguageMethods = {
  /** Null: neither an experiment nor a data set. */
  open: { params: { path: string; text: string }; result: Finding[] | null; event: never };
  close: { params: { path: string }; result: null; event: never };
  files: { params: { path: string }; result: Finding[]; event: never };
  completions: { params: Place; result: Completion[]; event: never };
  hover: { params: Place; result: HoverText | null; event: never };
  lenses: { params: { path: string }; result: Lens[]; event: never };
  forget: { params: { path: string | null }; result: null; event: never };
};

/** What the thread is started with. */
export interface LanguageOptions {
  /** Of the editor, such as `zh-cn`. */
  locale: string;
}

serveHost<LanguageMethods, LanguageOptions>(async ({ locale }) => {
  const say = translatorFor(locale);
  const documents = new Map<string, LanguageDocument>();
  const files = createFileProbe();
  const context = (signal: AbortSignal) => ({
    ...{ files, embeddedModel, signal },
    uriOf: (path: string) => pathToFileURL(path).href,
  });
  const known = (path: string) => {
    const document = documents.get(path);
    if (document === undefined) throw new ConfigError("language/closed", `${path} is not open.`, { show: "log" });
    return document;
  };
  /** The folder of pictures that an open experiment names for a data file. */
  const imagesOf = (path: string) => {
    for (const document of documents.values()) {
      const folder = document.kind === "config" ? imageFolders(document).get(path) : undefined;
      if (folder !== undefined) return folder;
    }
    return undefined;
  };
  return {
    methods: {
      async open({ path, text }) {
        const images = imagesOf(path);
        const previous = documents.get(path) ?? null;
        const document = openDocument(path, text, { previous, ...(images !== undefined && { images }) });
        if (document === null) {
          documents.delete(path);
          return null;
        }
        documents.set(path, document);
        return textFindings(document).map(say.finding);
      },
      async close({ path }) {
        documents.delete(path);
        return null;
      },
      files: async ({ path }, { signal }) => (await fileFindings(known(path), files, signal)).map(say.finding),
      completions: async ({ path, position }, { signal }) =>
        (await completionsAt(known(path), position, context(signal))).map(say.completion),
      async hover({ path, position }, { signal }) {
        const hover = await hoverAt(known(path), position, context(signal));
        return hover === null ? null : say.hover(hover);
      },
      lenses: async ({ path }) => lensesOf(known(path)).map(say.lens),
      async forget({ path }) {
        files.forget(path ?? undefined);
        return null;
      },
    },
  };
});
