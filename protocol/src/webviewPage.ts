/**
 * The HTML of a panel: its content policy, its style sheet and its one script. Kept beside the messages because the extension host
 * writes it and the browser tests load it; what the script then shows is webview-ui's.
 */

export interface WebviewPage {
  /** `inspector`, `dashboard` or `explorer`. */
  panel: string;
  title: string;
  /** `vscode.env.language`; the view has its sentences in English and Simplified Chinese ("zh-cn") and picks by it. */
  locale: string;
  /** Addresses of dist/webview/<panel>.js and dist/webview/webview.css, as `asWebviewUri` gives them. */
  script: string;
  style: string;
  /** `webview.cspSource`. */
  cspSource: string;
  /** Fresh for every page, letters and digits only. */
  nonce: string;
}

/**
 * Scripts run only with the nonce; pictures come from the workspace folders that the host allows or from memory (`blob:`, `data:`
 * for exported charts), bytes likewise; the picture decoder is a worker made from memory; nothing else may be asked for.
 */
export function contentPolicy({ cspSource, nonce }: Pick<WebviewPage, "cspSource" | "nonce">): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource}`,
    `font-src ${cspSource}`,
    `img-src ${cspSource} blob: data:`,
    `connect-src ${cspSource} blob:`,
    "worker-src blob:",
  ].join("; ");
}

export function webviewPage(page: WebviewPage): string {
  return `<!DOCTYPE html>
<html lang="${escapeHtml(page.locale)}">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(contentPolicy(page))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${escapeHtml(page.style)}">
<title>${escapeHtml(page.title)}</title>
</head>
<body>
<iad-${escapeHtml(page.panel)}></iad-${escapeHtml(page.panel)}>
<script nonce="${escapeHtml(page.nonce)}" src="${escapeHtml(page.script)}"></script>
</body>
</html>
`;
}

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
