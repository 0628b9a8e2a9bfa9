/** What happens when something dies: the server, a run, the window, the connection to another machine; and in a folder without trust. */
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  firstDefect,
  inWorkbench,
  kill,
  languageServers,
  makeTiff,
  newestRun,
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
    // A look may be over before a test sees that it has begun, so the page notes it.
    const looks = page.locator(".looks");
    await looks.evaluate((element) => {
      element.dataset.begun = "no";
      new MutationObserver(() => {
        const names = [...element.querySelectorAll("button")].map((button) => button.textContent.trim());
        if (names.some((name) => name.startsWith("Stop"))) element.dataset.begun = "yes";
      }).observe(element, { childList: true, subtree: true, characterData: true });
    });
    await page.getByRole("button", { name: /^Again/ }).click();
    await expect.poll(() => looks.getAttribute("data-begun")).toBe("yes");
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
    await window.told("failed");
    // Once: toasts that stand there and those that have gone are one message in all.
    expect(await window.notifications.count()).toBeLessThanOrEqual(1);
    await window.picture("run-failed");
    await window.showView();
    await window.treeRows.filter({ hasText: "failed" }).first().waitFor();
    await window.webview().getByRole("button", { name: "Resume" }).click();
    await runState(window, "Running");
  });
});

test("a run goes on while the window is closed, and no point is missing afterwards", async () => {
  await inWorkbench("window-closed", { steps: 240 }, async (scenario) => {
    await scenario.window.ready();
    await scenario.window.command("IAD-R1: Start PA-SFT");
    await runState(scenario.window, "Running");
    const [pid] = runProcesses(scenario.workspace);
    await scenario.window
      .webview()
      .getByRole("img", { name: /^loss\. .* \d+ points/ })
      .first()
      .waitFor();
    // A dashboard that came back without its run would be empty.
    const state = `"runs":["${newestRun(scenario.workspace)}"]`;
    await scenario.reopen({ viewType: "iadr1.runDashboard", state }, async () => {
      // The same process, or none where a fast machine is done already.
      expect([[pid], []]).toContainEqual(runProcesses(scenario.workspace));
    });
    const { window } = scenario;
    await window.webview().locator(".run-header").waitFor();
    await runReaches(scenario.workspace, "completed");
    await runState(window, "Completed");
    // The summary that a screen reader gets counts the points of the curve: one a step.
    await window
      .webview()
      .getByRole("img", { name: /^loss\. .* 240 points/ })
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
    await window.told("not trusted");
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
      // The words in the status bar go after some seconds; that the server of this machine ends stays.
      await expect.poll(() => languageServers(folder), { timeout: patienceMs }).toEqual([]);
      await window.ready();
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
