/** What a command is: what it needs from the server, and what it does. */
import type { DashboardPanels } from "../panels/dashboardPanel";
import type { ExplorerPanels } from "../panels/explorerPanel";
import type { Inspectors } from "../panels/inspectors";
import type { Context } from "../context";
import type { Models } from "../models";
import type { Projects } from "../projects";
import type { LiveValues } from "../rewards/liveValues";
import type { DataTree } from "../views/dataTree";
import type { RewardsTree } from "../views/rewardsTree";
import type { RunsTree } from "../views/runsTree";

/** The parts of the extension that commands act on. */
export interface Parts {
  context: Context;
  projects: Projects;
  models: Models;
  runsTree: RunsTree;
  dataTree: DataTree;
  rewardsTree: RewardsTree;
  inspectors: Inspectors;
  dashboards: DashboardPanels;
  live: LiveValues;
  explorers: ExplorerPanels;
}

export interface CommandSpec {
  /**
   * What it does while the server is down. "works": needs none. "starts": starts the server first. "trusts": sees to the server itself.
   * All but the first refuse in a workspace that is not trusted.
   */
  whileDown: "works" | "starts" | "trusts";
  run(parts: Parts, ...args: unknown[]): unknown;
}

export const works = (run: CommandSpec["run"]): CommandSpec => ({ whileDown: "works", run });
export const starts = (run: CommandSpec["run"]): CommandSpec => ({ whileDown: "starts", run });
export const trusts = (run: CommandSpec["run"]): CommandSpec => ({ whileDown: "trusts", run });
