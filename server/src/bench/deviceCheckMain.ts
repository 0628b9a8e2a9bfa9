/** One part of `deviceCheck.ts`, in a process of its own: takes a job, tells figures as they come, and ends. */
import { formatError } from "@iad-r1/models/errors";
import { type DeviceJob, measurePart } from "./deviceParts";

process.once("message", (message) => {
  const tell = (line: unknown) => void process.send!(line);
  measurePart(message as DeviceJob, tell)
    .catch((error: unknown) => tell({ error: formatError(error) }))
    // Leaves without unloading drivers, some of which crash when they are.
    .finally(() => process.send!({ done: true }, () => process.exit(0)));
});
