/** Calls tools as a chat would: reads calls from the file `calls.json` beside the workspace, writes what they answered to `answers.json`. */
const { readFileSync, renameSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { commands, lm, workspace } = require("vscode");

exports.activate = (context) => {
  context.subscriptions.push(commands.registerCommand("toolCaller.call", callAll));
};

async function callAll() {
  const folder = join(workspace.workspaceFolders[0].uri.fsPath, "..");
  const answers = [];
  for (const { name, input } of JSON.parse(readFileSync(join(folder, "calls.json"), "utf8"))) {
    answers.push(await call(name, input));
  }
  writeFileSync(join(folder, "answers.part"), JSON.stringify({ tools: lm.tools.map(({ name }) => name), answers }));
  renameSync(join(folder, "answers.part"), join(folder, "answers.json"));
}

async function call(name, input) {
  try {
    const { content } = await lm.invokeTool(name, { input, toolInvocationToken: undefined });
    return { text: content.map(({ value }) => value).join("") };
  } catch (error) {
    return { error: error.message };
  }
}
