/**
 * Training as tasks of VS Code: what the experiment files of the window can do is offered under *Run Task*, and the same can stand in
 * `tasks.json` with settings changed. A task starts nothing before it is run.
 */
import { isAbsolute, join } from "node:path";
import {
  CustomExecution,
  type Disposable,
  Task,
  type TaskDefinition,
  type TaskProvider,
  tasks,
  TaskScope,
  type Uri,
  workspace,
  type WorkspaceFolder,
} from "vscode";
import type { Context } from "../context";
import { problemMatcher, type TaskCommand, taskCommands, taskType } from "../contributions";
import { UserError } from "../errors";
import * as messages from "../messages";
import type { Projects } from "../projects";
import { RunTerminal } from "./runTerminal";

/** What stands in `tasks.json`. */
interface Definition extends TaskDefinition {
  command: TaskCommand;
  config?: string;
  set?: string[];
}

/** Experiment files for which tasks are offered. */
const maxOffered = 10;

export function provideTasks(context: Context, projects: Projects): Disposable {
  return tasks.registerTaskProvider(taskType, new RunTasks(context, projects));
}

class RunTasks implements TaskProvider {
  constructor(
    private readonly context: Context,
    private readonly projects: Projects,
  ) {}

  async provideTasks(): Promise<Task[]> {
    const configs = await this.projects.configs();
    return configs.slice(0, maxOffered).flatMap((uri) => {
      const folder = workspace.getWorkspaceFolder(uri);
      if (folder === undefined) return [];
      const config = workspace.asRelativePath(uri, false);
      return taskCommands.map((command) => this.task({ type: taskType, command, config }, folder));
    });
  }

  /** A task of `tasks.json`: VS Code wants its definition back as it was. */
  resolveTask(task: Task): Task | undefined {
    const definition = task.definition as Partial<Definition>;
    if (!taskCommands.some((command) => command === definition.command)) return undefined;
    return this.task(task.definition as Definition, typeof task.scope === "object" ? task.scope : undefined);
  }

  private task(definition: Definition, folder: WorkspaceFolder | undefined): Task {
    const { command, config = "iadr1.yaml", set = [] } = definition;
    const execution = new CustomExecution(async () => {
      const configFile = isAbsolute(config) ? config : join(baseOf(folder).fsPath, config);
      return new RunTerminal(this.context, { kind: command, configFile, overrides: set });
    });
    const name = `${command} ${config}`;
    const task = new Task(definition, folder ?? TaskScope.Workspace, name, taskType, execution, `$${problemMatcher}`);
    task.detail = messages.taskDetail(command);
    return task;
  }
}

/** The folder that a path of a task without a folder of its own starts from. @throws UserError when the window has none */
function baseOf(folder: WorkspaceFolder | undefined): Uri {
  const uri = (folder ?? workspace.workspaceFolders?.[0])?.uri;
  if (uri === undefined) throw new UserError(messages.noFolder());
  return uri;
}
