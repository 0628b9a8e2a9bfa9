/** What happens when something dies: the server, a run, the window, the connection to another machine; and in a folder without trust. */
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  firstDefect,
  inWorkbench,
  kill,
  languageServers,
  makeTiff,
  remoteServer,
  runProcesses,
  runReaches,
} from "./scenario.mjs";
import { patienceMs } from "./workbench.mjs";

/** Opens the first defect in the inspector and waits until a look at it is over. */
async function inspectDefect(window, workspace) {
  await window.openInspector(firstDefect(workspace).end);
  const page = window.webview();
  await page.getByRole("button", { name: /^Inspect/ }).click();
  await page.getByRole("button", { name: /^Again/ }).waitFor();
  return page;
}

const runState = (window, state) => window.webview().locator(".run-header .state", { hasText: state }).waitFor();

test("a server that is killed comes back, and what is open goes on working", async () => {
  await inWorkbench("server-killed", {}, async ({ window, workspace, folder, server }) => {
    await window.ready();
    const page = await inspectDefect(window, workspace);
    const [first] = languageServers(folder);
    expect(first).toBeGreaterThan(0);
    kill(first);
    await expect
      .poll(() => languageServers(folder).filter((pid) => pid !== first).length, { timeout: patienceMs })
      .toBe(1);
    await window.ready();
    await page.getByRole("button", { name: /^Again/ }).click();
    await page.getByRole("button", { name: /^Stop/ }).waitFor();
    await page.getByRole("button", { name: /^Again/ }).waitFor();
    expect(server.extensionLog()).toMatch(/ended by SIGKILL; trying again/);
    expect(await window.notifications.allInnerTexts()).toEqual([]);
  });
});

test("a run that is killed is shown as failed, once and with a reason, and can be resumed", async () => {
  await inWorkbench("run-killed", { steps: 2000 }, async ({ window, workspace }) => {
    await window.ready();
    await window.command("IAD-R1: Start PA-SFT");
    await runState(window, "Running");
    await expect.poll(() => runProcesses(workspace).length, { timeout: patienceMs }).toBe(1);
    kill(runProcesses(workspace)[0]);
    await runState(window, "Failed");
    await window.notifications.filter({ hasText: "failed" }).first().waitFor();
    expect(await window.notifications.count()).toBe(1);
    await window.picture("run-failed");
    await window.showView();
    await window.treeRows.filter({ hasText: "failed" }).first().waitFor();
    await window.webview().getByRole("button", { name: "Resume" }).click();
    await runState(window, "Running");
  });
});

test("a run goes on while the window is closed, and no point is missing afterwards", async () => {
  await inWorkbench("window-closed", { steps: 120 }, async (scenario) => {
    await scenario.window.ready();
    await scenario.window.command("IAD-R1: Start PA-SFT");
    await runState(scenario.window, "Running");
    const [pid] = runProcesses(scenario.workspace);
    await scenario.window
      .webview()
      .getByRole("img", { name: /^loss\. .* [2-9]\d points/ })
      .first()
      .waitFor();
    await scenario.reopen(async () => {
      expect(runProcesses(scenario.workspace)).toEqual([pid]);
    });
    const { window } = scenario;
    await window.webview().locator(".run-header").waitFor();
    await runReaches(scenario.workspace, "completed");
    await runState(window, "Completed");
    // The summary that a screen reader gets counts the points of the curve: one a step.
    await window
      .webview()
      .getByRole("img", { name: /^loss\. .* 120 points/ })
      .first()
      .waitFor();
  });
});

test("in a folder without trust images open and nothing runs; trust starts the server", async () => {
  const options = { isTrusted: false };
  await inWorkbench("untrusted", options, async ({ window, workspace, folder }) => {
    await window.status.locator(".codicon-shield").waitFor();
    await window.openInspector(firstDefect(workspace).end);
    const page = window.webview();
    await page.locator("iad-picture").waitFor();
    await page.getByText("This workspace is not trusted").waitFor();
    await window.picture("untrusted");
    await window.command("IAD-R1: Start PA-SFT");
    await window.notifications.filter({ hasText: "not trusted" }).first().waitFor();
    expect([languageServers(folder), runProcesses(workspace)]).toEqual([[], []]);
    await window.command("Workspaces: Manage Workspace Trust");
    await window.page
      .getByRole("button", { name: /^Trust/ })
      .first()
      .click();
    await window.ready();
    expect(languageServers(folder)).toHaveLength(1);
  });
});

test("a remote server does the work over a WebSocket, and is found again when it was away", async () => {
  await inWorkbench("remote", {}, async ({ window, workspace, folder }) => {
    // Before quick open makes its list of files.
    await makeTiff(firstDefect(workspace).path, join(workspace, "part.tif"));
    const remote = await remoteServer(workspace);
    await remote.start();
    try {
      await window.ready();
      await window.command("IAD-R1: Connect to Server…");
      await window.pick("Another address…");
      await window.answer("Address of the server", remote.address);
      await window.answer("Token for", remote.token());
      await window.page.getByText(`Connected to ${remote.address}`).waitFor();
      await window.ready();
      await expect.poll(() => languageServers(folder), { timeout: patienceMs }).toEqual([]);
      const page = await inspectDefect(window, workspace);
      await page.locator(".verdict").waitFor();
      // A picture that no browser decodes goes to the server and comes back as one that it does.
      await window.openInspector("part.tif");
      await window.webview().locator("iad-picture").waitFor();
      await window.webview().locator(".picture-foot", { hasText: "112 × 112" }).waitFor();
      await remote.stop();
      await window.status.locator(".codicon-sync").waitFor();
      await remote.start();
      await window.ready();
    } finally {
      await remote.stop();
    }
  });
});
