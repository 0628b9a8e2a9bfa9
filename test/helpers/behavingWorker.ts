/** Entry point of the worker of the tests. */
import { serveHost } from "@iad-r1/server/runtime/workerHost";
import { createBehavingHost } from "./behavingHost";

serveHost(createBehavingHost);
