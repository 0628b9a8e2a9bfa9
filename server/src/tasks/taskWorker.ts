/** Entry of the workers that do the server's tasks, as a thread (quick ones) or as a process (those that load native code). */
import { serveHost } from "../runtime/workerHost";
import { type TaskName, tasks, type TaskTypes } from "./tasks";

/** Methods of a task worker: one a task. */
export type TaskMethods = { [K in TaskName]: TaskTypes[K] & { event: never } };

const names = Object.keys(tasks) as TaskName[];

serveHost<TaskMethods, null>(async () => ({
  methods: Object.fromEntries(
    names.map((name) => [name, (params: never, { signal }: { signal: AbortSignal }) => tasks[name](params, signal)]),
  ) as never,
}));
