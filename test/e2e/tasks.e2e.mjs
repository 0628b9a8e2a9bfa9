/** Training as tasks of VS Code, and the tools that a language model may call. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { firstDefect, inWorkbench, runReaches } from "./scenario.mjs";
import { patienceMs } from "./workbench.mjs";

/** Tasks as a person writes them. */
function writeTasks(workspace) {
  const task = (label, definition) => ({ label, type: "iad-r1", problemMatcher: "$iad-r1", ...definition });
  const tasks = [
    task("check the experiment", { command: "preflight", config: "iadr1.yaml" }),
    task("teach a little", {
      command: "pa-sft",
      set: ["stages.paSft.steps=3", 'alerts=[{"metric":"loss","above":0,"name":"Any loss"}]'],
    }),
    task("teach for long", { command: "pa-sft", set: ["stages.paSft.steps=2000"] }),
  ];
  mkdirSync(join(workspace, ".vscode"), { recursive: true });
  writeFileSync(join(workspace, ".vscode", "tasks.json"), JSON.stringify({ version: "2.0.0", tasks }));
}

// Text of the terminal can only be read where it is not drawn on a canvas.
const settings = { "terminal.integrated.gpuAcceleration": "off" };

test("tasks check, train, say what is wrong where, and stop", async () => {
  await inWorkbench("tasks", { steps: 2, settings }, async ({ window, workspace }) => {
    writeTasks(workspace);
    await window.ready();
    await window.choose("Tasks: Run Task", "check the experiment");
    await window.terminal("All checks passed").waitFor();
    await window.terminal("✓ Model").waitFor();
    await window.picture("task-preflight");

    await window.choose("Tasks: Run Task", "teach a little");
    // A rule on a curve is told once: as a message, and in the terminal.
    await window.told("Any loss: loss is");
    await runReaches(workspace, "completed");
    await window.terminal(/^completed/).waitFor();
    await window.terminal("Any loss: loss is").waitFor();
    await window.picture("task-pa-sft");

    // Ctrl+C in its terminal stops a run after its step.
    await window.choose("Tasks: Run Task", "teach for long");
    await window.terminal(/step \d+ of 2000/).waitFor();
    await window.focusTerminal();
    await window.page.keyboard.press("Control+C");
    await runReaches(workspace, "stopped");

    // A mistake in a file that is not open stands in Problems.
    const file = join(workspace, "iadr1.yaml");
    writeFileSync(file, readFileSync(file, "utf8").replace(/^model:/m, "modle:"));
    await window.choose("Tasks: Run Task", "check the experiment");
    await window.terminal(/iadr1\.yaml:\d+:\d+ .*modle/).waitFor();
    await window.command("View: Focus Problems");
    await window.problems.filter({ hasText: "modle" }).first().waitFor();
    await window.picture("task-problem");

    // What the experiment files offer without a line in tasks.json.
    await window.insist("There is no list of the tasks of an experiment file", async (timeout) => {
      await window.palette(">Tasks: Run Task", timeout);
      await window.rows.filter({ hasText: "Tasks: Run Task" }).first().click({ timeout });
      await window.rows.filter({ hasText: "iad-r1" }).first().click({ timeout });
      await window.rows.filter({ hasText: "post-train iadr1.yaml" }).first().waitFor({ timeout });
    });
    await window.picture("task-list");
    await window.page.keyboard.press("Escape");
    expect(window.errors).toEqual([]);
  });
});

test("a language model's tools look at pictures, runs and rewards of the window, and at nothing else", async () => {
  const extensions = [fileURLToPath(new URL("toolCaller", import.meta.url))];
  await inWorkbench("tools", { steps: 3, extensions }, async ({ window, workspace, folder }) => {
    await window.ready();
    await window.command("IAD-R1: Start PA-SFT");
    await runReaches(workspace, "completed");
    const ask = async (...calls) => {
      rmSync(join(folder, "answers.json"), { force: true });
      writeFileSync(join(folder, "calls.json"), JSON.stringify(calls));
      await window.command("Test: Call Tools");
      await expect.poll(() => existsSync(join(folder, "answers.json")), { timeout: patienceMs }).toBe(true);
      return JSON.parse(readFileSync(join(folder, "answers.json"), "utf8"));
    };
    writeFileSync(join(folder, "outside.png"), readFileSync(firstDefect(workspace).path));
    const image = `data/sample/${firstDefect(workspace).end}`;
    const { tools, answers } = await ask(
      { name: "iadr1_read_run", input: {} },
      { name: "iadr1_read_run", input: { run: "newest", curves: ["loss"] } },
      { name: "iadr1_check_reward", input: { file: "rewards/verdict.reward.ts" } },
      { name: "iadr1_inspect_image", input: { image, model: "nano" } },
      { name: "iadr1_inspect_image", input: { image: "../outside.png" } },
      { name: "iadr1_read_run", input: { run: "nothing" } },
    );
    const names = ["iadr1_inspect_image", "iadr1_read_run", "iadr1_check_reward", "iadr1_read_rollouts"];
    expect(tools).toEqual(expect.arrayContaining(names));
    const [runs, run, reward, look] = answers.map(({ text }) => (text === undefined ? null : JSON.parse(text)));
    expect(runs).toMatchObject({ numRuns: 1, runs: [{ state: "completed", lastStage: expect.any(String) }] });
    expect(run).toMatchObject({ state: "completed", curves: [{ name: "loss", numPoints: 3 }] });
    expect(run.evaluations.at(-1).balancedAccuracy).toEqual(expect.any(Number));
    expect(reward).toMatchObject({ file: "rewards/verdict.reward.ts", rewards: [{ name: "verdict" }] });
    expect(["defect", "no defect", "unreadable"]).toContain(look.verdict);
    expect(look.image).toContain(firstDefect(workspace).name);
    expect(answers[4].error).toMatch(/outside\.png is not in a folder of this window/);
    expect(answers[5].error).toMatch(/There is no run nothing/);
    expect([...window.outside]).toEqual([]);
  });
});
