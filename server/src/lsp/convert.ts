/** Between LSP and plain data: errors, cancellation, paths, positions. Decides nothing. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { CancelledError } from "@iad-r1/models/errors";
import { wireErrorCode } from "@iad-r1/protocol/lsp";
import {
  type CancellationToken,
  type CodeLens,
  type CompletionItem,
  CompletionItemKind,
  type Diagnostic,
  DiagnosticSeverity,
  DiagnosticTag,
  InsertTextFormat,
  LSPErrorCodes,
  MarkupKind,
  type Position,
  type Range,
  ResponseError,
} from "vscode-languageserver";
import type { Completion, Finding, Lens } from "../features/types";
import { toWireError } from "../runs/recorder";

/** What a failed handler answers. */
export function toResponseError(error: unknown): ResponseError<unknown> {
  if (error instanceof ResponseError) return error;
  if (CancelledError.is(error)) return new ResponseError(LSPErrorCodes.RequestCancelled, "Cancelled.");
  const wire = toWireError(error);
  return new ResponseError(wireErrorCode, wire.message, wire);
}

/** Aborted when the editor cancels the request. Call `done` when the request is answered. */
export function signalOf(token: CancellationToken): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  if (token.isCancellationRequested) controller.abort();
  const listening = token.onCancellationRequested(() => controller.abort());
  return { signal: controller.signal, done: () => listening.dispose() };
}

/** Path of a document on disk; null for documents that are nowhere. */
export function pathOfUri(uri: string): string | null {
  try {
    return uri.startsWith("file:") ? fileURLToPath(uri) : null;
  } catch {
    return null;
  }
}

export function uriOfPath(path: string): string {
  return pathToFileURL(path).href;
}

/** Whether two ranges have a place in common, if only an end. */
export function overlaps(a: Range, b: Range): boolean {
  return !isBefore(a.end, b.start) && !isBefore(b.end, a.start);
}

function isBefore(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.character < b.character);
}

const severities = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  info: DiagnosticSeverity.Information,
};

export function toDiagnostic({ severity, code, message, hint, range, tag, link, related }: Finding): Diagnostic {
  return {
    ...{ range, severity: severities[severity], code, source: "IAD-R1" },
    message: hint === undefined ? message : `${message} ${hint}`,
    ...(tag !== undefined && {
      tags: [tag === "unneeded" ? DiagnosticTag.Unnecessary : DiagnosticTag.Deprecated],
    }),
    ...(link !== undefined && { codeDescription: { href: link } }),
    ...(related !== undefined &&
      related.length > 0 && {
        relatedInformation: related.map(({ message: said, path, range: place }) => ({
          ...{ message: said, location: { uri: uriOfPath(path), range: place } },
        })),
      }),
  };
}

const completionKinds = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.Value,
  file: CompletionItemKind.File,
  folder: CompletionItemKind.Folder,
  snippet: CompletionItemKind.Snippet,
};

export function toCompletionItem(one: Completion): CompletionItem {
  return {
    ...{ label: one.label, kind: completionKinds[one.kind], detail: one.detail, sortText: one.sortText },
    documentation: { kind: MarkupKind.Markdown, value: one.documentation },
    textEdit: one.edit,
    // Editors compare what was typed with the text of the range, which may hold more than a word.
    filterText: one.label,
    insertTextFormat: one.isSnippet ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    preselect: one.preselect,
    ...(one.chain && { command: { title: "Choose a value", command: "editor.action.triggerSuggest" } }),
  };
}

export function toCodeLens({ range, title, action }: Lens): CodeLens {
  const { image, references } = action;
  return { range, command: { title, command: "iadr1.inspectImage", arguments: [{ image, references }] } };
}
