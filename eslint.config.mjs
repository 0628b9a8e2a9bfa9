/** Only what Biome cannot say: the direction of imports, one importer per outside library, and promises. */
import tseslint from "typescript-eslint";

/** Layers from the bottom up: a folder may import itself and what stands before it. */
const modelLayers = ["util", "graph", "ops", "autodiff", "nn", "programs", "zoo"];

const forbid = (patterns) => ["error", { patterns }];
const only = (names, message) => ({ group: names, message });

const outside = {
  vscode: only(["vscode", "vscode-languageclient", "vscode-languageclient/*"], "Only client/ talks to VS Code."),
  lsp: only(["vscode-languageserver", "vscode-languageserver/*"], "Only server/src/lsp and main.ts speak LSP."),
  ort: only(["onnxruntime-node", "onnxruntime-common"], "Only server/src/runtime runs sessions."),
  babel: only(["@babel/parser"], "Only rewards/user/babel.ts and rewards/live/syntax.ts parse TypeScript."),
  magic: only(["magic-string"], "Only rewards/live/instrument.ts rewrites source."),
  sucrase: only(["sucrase"], "Only rewards/user/stripTypes.ts takes types out of TypeScript."),
  regexpp: only(["@eslint-community/regexpp"], "Only rewards/static/parsePattern.ts reads JavaScript's patterns."),
  parquet: only(["hyparquet"], "Only server/src/rollouts reads parquet files."),
  ws: only(["ws"], "Only server/src/stream and client/src/server use WebSockets."),
  server: only(["@iad-r1/server", "@iad-r1/server/*"], "The numeric library and the protocol know no server."),
  models: only(["@iad-r1/models", "@iad-r1/models/*"], "The protocol is plain data and imports nothing of ours."),
};
const all = Object.values(outside);
const except = (...kept) => all.filter((rule) => !kept.includes(rule));

/** What stands to the right of rewards/user. */
const rightOfUser = [
  only(
    ["host", "live", "static", "analysis", "check", "debug"].map((name) => `../${name}/*`),
    "rewards/user finds and runs rewards; what looks at their values stands to its right.",
  ),
];

export default tseslint.config(
  { ignores: ["**/node_modules/**", "dist/**", ".cache/**", "**/*.gen.ts", "**/*.mjs", "**/*.cjs"] },
  // Reward files as users write them: data of the debugger, with faults on purpose.
  { ignores: ["samples/rewards/**", "test/fixtures/rewardCorpus/**", "test/fixtures/oddRewards/**"] },
  {
    files: ["**/*.ts"],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ["./tsconfig.json", "./webview-ui/tsconfig.json", "./test/webview/tsconfig.json"] },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: { "@typescript-eslint/no-floating-promises": "error", "@typescript-eslint/no-misused-promises": "error" },
  },
  { files: ["protocol/src/**/*.ts"], rules: { "no-restricted-imports": forbid(all) } },
  { files: ["models/src/**/*.ts"], rules: { "no-restricted-imports": forbid(except(outside.models)) } },
  ...modelLayers.map((layer, index) => ({
    files: [`models/src/${layer}/**/*.ts`],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.models),
        only(
          [...modelLayers.slice(index + 1), "llavaOnevision", "llava", "llavaNext", "qwen2Vl", "qwen25Vl"].map(
            (name) => `../${name}/*`,
          ),
          `models/src/${layer} may import only what stands to its left: ${modelLayers.join(" < ")}.`,
        ),
      ]),
    },
  })),
  { files: ["server/src/**/*.ts"], rules: { "no-restricted-imports": forbid(except(outside.models, outside.server)) } },
  {
    files: ["server/src/runtime/**/*.ts"],
    rules: { "no-restricted-imports": forbid(except(outside.models, outside.ort)) },
  },
  {
    files: ["server/src/stream/**/*.ts"],
    rules: { "no-restricted-imports": forbid(except(outside.models, outside.ws)) },
  },
  {
    files: ["server/src/rewards/user/**/*.ts"],
    rules: { "no-restricted-imports": forbid([...except(outside.models, outside.server), ...rightOfUser]) },
  },
  {
    files: ["server/src/rewards/user/babel.ts"],
    rules: {
      "no-restricted-imports": forbid([...except(outside.models, outside.server, outside.babel), ...rightOfUser]),
    },
  },
  {
    files: ["server/src/rewards/user/stripTypes.ts"],
    rules: {
      "no-restricted-imports": forbid([...except(outside.models, outside.server, outside.sucrase), ...rightOfUser]),
    },
  },
  {
    files: ["server/src/rewards/live/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.models, outside.server, outside.babel, outside.magic),
        only(
          ["static", "analysis", "debug", "check"].map((name) => `../${name}/*`),
          "Live values know nothing of those who look at them: user < live < static < analysis < debug.",
        ),
      ]),
    },
  },
  {
    files: ["server/src/rewards/static/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.models, outside.server, outside.regexpp),
        {
          regex: "^\\.\\./(debug|check|analysis/(?!finding$|ignoredFindings$))",
          message:
            "Of analysis, findings from the text use only what a finding is: user < live < static < analysis < debug.",
        },
      ]),
    },
  },
  {
    files: ["server/src/features/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.models, outside.server),
        only(
          ["lsp", "stream", "tasks", "language", "runs", "inspect", "cli"].flatMap((name) => [
            `../${name}/*`,
            `../../${name}/*`,
          ]),
          "Features are functions over texts; what serves an editor stands to their right.",
        ),
      ]),
    },
  },
  {
    files: ["server/src/rollouts/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.models, outside.parquet),
        only(
          [
            "lsp",
            "stream",
            "tasks",
            "language",
            "runs",
            "train",
            "generate",
            "explore",
            "features",
            "inspect",
            "cli",
          ].map((name) => `../${name}/*`),
          "Recorded completions are data: whoever asks about them stands to their right.",
        ),
        // How an answer is read is one thing for rewards, evaluations and views.
        { regex: "^\\.\\./rewards/(?!tags$)", message: "Of the rewards, the reader uses only rewards/tags." },
      ]),
    },
  },
  {
    files: ["server/src/lsp/**/*.ts", "server/src/main.ts"],
    rules: { "no-restricted-imports": forbid(except(outside.models, outside.lsp)) },
  },
  {
    files: ["client/src/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.vscode),
        only(["vscode-languageclient", "vscode-languageclient/*"], "Only client/src/server talks to the server."),
      ]),
    },
  },
  {
    files: ["client/src/server/**/*.ts"],
    rules: { "no-restricted-imports": forbid(except(outside.vscode, outside.ws)) },
  },
  {
    files: ["webview-ui/src/**/*.ts"],
    rules: {
      "no-restricted-imports": forbid([
        ...except(outside.server),
        // One parser of answers for rewards, evaluations and views; everything else of the server stays outside.
        {
          regex: "^@iad-r1/(server/(?!rewards/(tags|location)$)|client)",
          message: "Of the server, a view uses only rewards/tags and rewards/location.",
        },
      ]),
      "no-restricted-syntax": [
        "error",
        {
          selector: "Identifier[name='acquireVsCodeApi']",
          message: "Only webview-ui/src/host/vscodeApi.ts holds the channel to the host.",
        },
      ],
    },
  },
  {
    files: ["webview-ui/src/host/vscodeApi.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
);
