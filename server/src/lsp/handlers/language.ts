/** Standard LSP for experiment and data set files, and the way of reward files to theirs: finds the document, asks the language service, converts. */
import type { CancellationToken, CodeAction, Connection, Diagnostic } from "vscode-languageserver";
import { CodeActionKind, MarkupKind, TextDocuments } from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import type { Finding } from "../../features/types";
import { LanguageService } from "../../language/languageService";
import { overlaps, pathOfUri, toCodeLens, toCompletionItem, toDiagnostic, uriOfPath } from "../convert";
import type { Dispatcher } from "../dispatch";
import type { RewardDocuments } from "./rewards";

export interface LanguageHandlers {
  dispose(): Promise<void>;
}

export function registerLanguage(
  connection: Connection,
  on: Dispatcher,
  rewards: RewardDocuments,
  options: { looksAtFiles: boolean; locale: () => string; onLog: (message: string) => void },
): LanguageHandlers {
  const documents = new TextDocuments(TextDocument);
  const uris = new Map<string, string>();
  const language = new LanguageService({
    ...options,
    onFindings: (path, version, findings) => {
      const uri = uris.get(path) ?? uriOfPath(path);
      void connection.sendDiagnostics({ uri, version, diagnostics: findings.map(toDiagnostic) });
    },
  });
  documents.onDidChangeContent(({ document }) => {
    const path = pathOfUri(document.uri);
    if (path === null) return;
    if (rewards.speaks(path)) return rewards.change(path, document.uri, document.version, document.getText());
    // The editor's own spelling of the address, which may differ in case or escapes.
    uris.set(path, document.uri);
    language.change(path, document.version, document.getText());
  });
  documents.onDidClose(({ document }) => {
    const path = pathOfUri(document.uri);
    if (path === null) return;
    if (rewards.speaks(path)) rewards.close(path);
    else language.close(path);
  });
  documents.onDidSave(({ document }) => {
    const path = pathOfUri(document.uri);
    if (path !== null && rewards.speaks(path)) rewards.save(path);
  });
  documents.listen(connection);
  connection.onDidChangeWatchedFiles(() => void language.filesChanged());

  /** Answers null for a document that is nowhere on disk. */
  const ask = <R>(
    method: string,
    uri: string,
    token: CancellationToken,
    act: (path: string, signal: AbortSignal) => Promise<R>,
  ): Promise<R | null> =>
    on.answer<R | null>(method, token, (signal) => {
      const path = pathOfUri(uri);
      return path === null ? null : act(path, signal);
    });
  connection.onCompletion(({ textDocument, position }, token) =>
    ask("completion", textDocument.uri, token, async (path, signal) =>
      (await language.completions(path, position, signal)).map(toCompletionItem),
    ),
  );
  connection.onHover(({ textDocument, position }, token) =>
    ask("hover", textDocument.uri, token, async (path, signal) => {
      if (rewards.speaks(path)) return rewards.hover(path, position);
      const hover = await language.hover(path, position, signal);
      return hover && { range: hover.range, contents: { kind: MarkupKind.Markdown, value: hover.markdown } };
    }),
  );
  connection.onCodeLens(({ textDocument }, token) =>
    ask("codeLens", textDocument.uri, token, async (path, signal) =>
      rewards.speaks(path) ? rewards.lenses(path) : (await language.lenses(path, signal)).map(toCodeLens),
    ),
  );
  connection.onCodeAction(({ textDocument, range, context }, token) =>
    ask("codeAction", textDocument.uri, token, async (path) => {
      if (rewards.speaks(path)) return rewards.actions(path, textDocument.uri, range, context.diagnostics);
      return language
        .findings(path)
        .filter((finding) => overlaps(finding.range, range))
        .flatMap((finding) => codeActions(finding, textDocument.uri, context.diagnostics));
    }),
  );
  return { dispose: () => language.dispose() };
}

function codeActions(finding: Finding, uri: string, shown: readonly Diagnostic[]): CodeAction[] {
  const diagnostics = shown.filter(({ code, range }) => code === finding.code && overlaps(range, finding.range));
  return finding.fixes.map(({ title, edits, sure }) => ({
    ...{ title, kind: CodeActionKind.QuickFix, diagnostics, isPreferred: sure },
    edit: { changes: { [uri]: edits } },
  }));
}
