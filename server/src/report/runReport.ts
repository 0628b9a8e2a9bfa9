/**
 * The report of a run as one HTML file: table before, between and after; curves; the same images as each model state answered
 * them; the inspected photographs with their reasoning. Self-contained: pictures and style inside, no script, no network, light and
 * dark. It only formats what it is given; reading run folders and pictures is `collectReport`'s work.
 */
import type { EvaluationReport } from "@iad-r1/protocol/runs";
import { escapeHtml } from "./escapeHtml";
import { type ChartOptions, svgChart } from "./svgChart";

/** A picture that travels inside the file. */
export interface ReportImage {
  /** `data:image/…;base64,…` */
  readonly dataUri: string;
  readonly width: number;
  readonly height: number;
}

/** The language of a report: its texts are written in English and looked up. */
export interface ReportLanguage {
  /** As HTML writes it, such as `zh-CN`. */
  readonly tag: string;
  say(english: string): string;
}

export const englishReport: ReportLanguage = { tag: "en", say: (english) => english };

/** One answer of one model state. */
export interface ReportAnswer {
  /** "base", "pa-sft", "sc-grpo". */
  readonly label: string;
  readonly text: string;
  /** null when there is no ground truth. */
  readonly correct: boolean | null;
  /** Probability of a defect, 0 to 1. */
  readonly anomalyScore: number | null;
}

/** One image with what the model states said about it. */
export interface ReportExample {
  /** null when the picture is not there any more; what was said of it is shown all the same. */
  readonly image: ReportImage | null;
  readonly caption: string;
  /** Ground truth in words, e.g. "scratch, top left"; null when unknown. */
  readonly truth: string | null;
  readonly answers: readonly ReportAnswer[];
}

export interface RunReport {
  readonly title: string;
  /** One paragraph of facts: run id, model, data, machine, duration. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly rows: readonly { readonly label: string; readonly report: EvaluationReport }[];
  readonly charts: readonly ChartOptions[];
  readonly examples: readonly ReportExample[];
  readonly inspections: readonly ReportExample[];
}

/** @returns a whole HTML document */
export function renderRunReport(report: RunReport, { tag, say }: ReportLanguage = englishReport): string {
  const examples = (list: readonly ReportExample[]) => list.map((one) => example(one, say)).join("\n");
  const heading = (english: string) => `<h2>${escapeHtml(say(english))}</h2>`;
  const sections = [
    `<h1>${escapeHtml(report.title)}</h1>`,
    `<dl class="facts">${report.facts.map(([name, value]) => `<div><dt>${escapeHtml(say(name))}</dt><dd>${escapeHtml(value)}</dd></div>`).join("")}</dl>`,
  ];
  if (report.rows.length > 0) {
    sections.push(heading("Held-out images: before, between, after"), evaluationTable(report.rows, say));
    const last = report.rows.at(-1)!;
    if (Object.keys(last.report.perCategory).length > 1) sections.push(categoryTable(report.rows, say));
  }
  if (report.charts.length > 0) {
    sections.push(
      heading("Curves"),
      `<div class="charts">${report.charts.map((chart) => `<figure>${svgChart(chart, say)}</figure>`).join("")}</div>`,
    );
  }
  if (report.inspections.length > 0) {
    sections.push(heading("Inspected photographs"), examples(report.inspections));
  }
  if (report.examples.length > 0) {
    sections.push(heading("The same images, stage by stage"), examples(report.examples));
  }
  return `<!doctype html>
<html lang="${tag}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeHtml(report.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${sections.join("\n")}
</main>
</body>
</html>
`;
}

const COLUMNS: readonly (readonly [string, (report: EvaluationReport) => number | null, string])[] = [
  [
    "Balanced accuracy",
    (report) => report.balancedAccuracy,
    "Mean of the next two: what a fair inspector is judged by",
  ],
  ["Normal accuracy", (report) => report.normalAccuracy, "Share of good images that were called good"],
  ["Anomalous accuracy", (report) => report.anomalousAccuracy, "Share of defective images that were called defective"],
  ["Location accuracy", (report) => report.locationAccuracy, "Share of defective images whose place was named rightly"],
  ["Type score", (report) => report.typeScore, "Mean score of the named defect type"],
  ["AUROC", (report) => report.auroc, "Area under the ROC curve of the anomaly score"],
  ["Unparsed", (report) => report.unparsed, "Share of answers without a readable yes or no; they count as wrong"],
];

type Say = ReportLanguage["say"];

function evaluationTable(rows: RunReport["rows"], say: Say): string {
  const column = (name: string, title: string) =>
    `<th scope="col" title="${escapeHtml(say(title))}">${escapeHtml(say(name))}</th>`;
  const head = COLUMNS.map(([name, , title]) => column(name, title)).join("");
  const body = rows
    .map(({ label, report }) => {
      const cells = COLUMNS.map(([, read]) => `<td>${percent(read(report))}</td>`).join("");
      const reward = report.rewardTotal === null ? "–" : report.rewardTotal.toFixed(3);
      return `<tr><th scope="row">${escapeHtml(say(label))}</th>${cells}<td>${reward}</td><td>${report.numSamples}</td></tr>`;
    })
    .join("\n");
  return `<div class="scroll"><table><thead><tr><th scope="col">${say("Model")}</th>${head}${column("Reward", "Mean weighted reward")}<th scope="col">${say("Images")}</th></tr></thead><tbody>${body}</tbody></table></div>`;
}

function categoryTable(rows: RunReport["rows"], say: Say): string {
  const categories = [...new Set(rows.flatMap(({ report }) => Object.keys(report.perCategory)))].sort();
  const head = rows.map(({ label }) => `<th scope="col">${escapeHtml(say(label))}</th>`).join("");
  const body = categories
    .map((category) => {
      const cells = rows
        .map(({ report }) => `<td>${percent(report.perCategory[category]?.balancedAccuracy ?? null)}</td>`)
        .join("");
      return `<tr><th scope="row">${escapeHtml(category)}</th>${cells}</tr>`;
    })
    .join("\n");
  return `<details><summary>${say("Balanced accuracy by category")}</summary><div class="scroll"><table><thead><tr><th scope="col">${say("Category")}</th>${head}</tr></thead><tbody>${body}</tbody></table></div></details>`;
}

const percent = (value: number | null) => (value === null ? "–" : `${value.toFixed(1)} %`);

function example({ image, caption, truth, answers }: ReportExample, say: Say): string {
  const truthLine = truth === null ? "" : `<p class="truth">${escapeHtml(say(`Ground truth: ${truth}`))}</p>`;
  const said = answers
    .map(({ label, text, correct, anomalyScore }) => {
      const word = correct ? "right" : "wrong";
      const verdict = correct === null ? "" : `<span class="${word}">${say(word)}</span>`;
      const score =
        anomalyScore === null
          ? ""
          : `<span class="score">${escapeHtml(say(`anomaly score ${anomalyScore.toFixed(2)}`))}</span>`;
      return `<div class="answer"><h3>${escapeHtml(say(label))} ${verdict} ${score}</h3><p class="text">${markTags(text)}</p></div>`;
    })
    .join("");
  const picture =
    image === null
      ? `<p class="gone">${escapeHtml(say("The picture cannot be read any more."))}</p>`
      : `<img src="${image.dataUri}" width="${image.width}" height="${image.height}" alt="${escapeHtml(caption)}">`;
  return `<article class="example">
<figure>${picture}<figcaption>${escapeHtml(caption)}</figcaption></figure>
<div class="said">${truthLine}${said}</div>
</article>`;
}

/** The answer as text, with the tags of the grammar set apart. Model text is never HTML. */
function markTags(text: string): string {
  return escapeHtml(text).replace(
    /&lt;(\/?)(think|location|type|answer)&gt;/g,
    '<span class="tag">&lt;$1$2&gt;</span>',
  );
}

const LIGHT = `color-scheme: light; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --paper: #ffffff; --raised: #f6f8fa;
  --series-0: #0969da; --series-1: #bc4c00; --series-2: #1a7f37; --series-3: #8250df; --series-4: #bf3989; --series-5: #9a6700; --good: #1a7f37; --bad: #c62828;`;

const DARK = `color-scheme: dark; --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117; --raised: #151b23;
  --series-0: #58a6ff; --series-1: #f0883e; --series-2: #56d364; --series-3: #bc8cff; --series-4: #f778ba; --series-5: #e3b341; --good: #56d364; --bad: #ff7b72;`;

/** A browser says what its person prefers; VS Code marks the body with the kind of its theme, which may be another than the system's. */
const STYLE = `
:root { ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
body.vscode-dark, body.vscode-high-contrast { ${DARK} }
body.vscode-light, body.vscode-high-contrast-light { ${LIGHT} }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0 0 12px; } h2 { font-size: 19px; margin: 36px 0 12px; } h3 { font-size: 14px; margin: 0; font-weight: 600; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 0; } .facts dt { color: var(--soft); font-size: 12px; } .facts dd { margin: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; } th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { color: var(--soft); font-size: 12px; font-weight: 600; white-space: normal; vertical-align: bottom; } th:first-child { text-align: left; } details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 12px; } figure { margin: 0; } .charts figure { border: 1px solid var(--line); border-radius: 8px; padding: 8px; }
.chart { width: 100%; height: auto; display: block; } .chart-title { fill: var(--ink); font: 600 13px system-ui, sans-serif; } .tick { fill: var(--soft); font: 11px system-ui, sans-serif; } .grid { stroke: var(--line); stroke-width: 0.5; }
.line { fill: none; stroke-width: 1.8; } .raw { fill: none; stroke-width: 1; opacity: 0.3; }
.example { display: flex; gap: 18px; padding: 14px 0; border-bottom: 1px solid var(--line); } .example img, .gone { width: 280px; height: auto; border-radius: 6px; display: block; } .gone { box-sizing: border-box; margin: 0; padding: 24px 12px; background: var(--raised); } figcaption, .truth, .score { color: var(--soft); font-size: 12px; } .truth { margin: 0 0 8px; }
.said { flex: 1; min-width: 0; } .answer { background: var(--raised); border-radius: 6px; padding: 8px 12px; margin-bottom: 8px; } .text { margin: 4px 0 0; font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; } .tag { color: var(--series-3); }
.right { color: var(--good); } .wrong { color: var(--bad); } .score { font-weight: 400; }
@media (max-width: 640px) { .example { flex-direction: column; } .example img, .gone { width: 100%; } .charts { grid-template-columns: 1fr; } }
`;
