/**
 * Reports to read: texts that the extension composed, as documents that no one can change, shown rendered where VS Code's Markdown preview
 * is there. A report is not kept; the command that made it makes it again.
 */
import { commands, EventEmitter, type TextDocumentContentProvider, Uri, window, workspace } from "vscode";

const scheme = "iadr1-report";
/** Reports kept in memory; the oldest goes first. */
const maxReports = 50;

export class ReportProvider implements TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new EventEmitter<Uri>();
  readonly onDidChange = this.changed.event;
  private readonly registration = workspace.registerTextDocumentContentProvider(scheme, this);

  provideTextDocumentContent(uri: Uri): string {
    return this.texts.get(uri.path) ?? "";
  }

  /** Shows Markdown under a title; the same title replaces the report shown before. */
  async show(title: string, markdown: string): Promise<void> {
    const uri = Uri.from({ scheme, path: `/${title.replaceAll(/[\\/]/g, "-")}.md` });
    this.texts.delete(uri.path);
    this.texts.set(uri.path, markdown);
    const oldest = this.texts.keys().next().value;
    if (this.texts.size > maxReports && oldest !== undefined) this.texts.delete(oldest);
    this.changed.fire(uri);
    await showMarkdown(uri);
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
    this.texts.clear();
  }
}

/**
 * Shows a Markdown document rendered; as text where no extension renders it. The list of commands would not tell: it has those of an
 * extension only after that was activated, which the call of one does.
 */
export async function showMarkdown(uri: Uri): Promise<void> {
  try {
    await commands.executeCommand("markdown.showPreview", uri);
  } catch {
    await window.showTextDocument(await workspace.openTextDocument(uri), { preview: true });
  }
}

/** Text inside a Markdown table or line: nothing in it is markup. */
export function plain(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+!|<>~]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(" | ")} |`;
  return [line(head), `|${head.map(() => " --- |").join("")}`, ...rows.map(line)].join("\n");
}
