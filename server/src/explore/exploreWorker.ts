/** Entry of the worker that answers questions about rollouts: a thread with the indices of what was opened. */
import { serveHost } from "../runtime/workerHost";
import { Explorer } from "./explorer";
import type { ExploreMethods } from "./service";

serveHost<ExploreMethods, null>(async () => {
  const explorer = new Explorer();
  return {
    methods: {
      overview: ({ path }, { signal }) => explorer.overview(path, signal),
      query: ({ path, query, flips }, { signal }) => explorer.query(path, query, flips, signal),
      groups: ({ path, query, offset, limit }) => explorer.groups(path, query, offset, limit),
      place: ({ path, query, key }) => explorer.place(path, query, key),
      group: ({ path, step, group, query }) => explorer.group(path, step, group, query),
      advantages: ({ path, step, group }) => explorer.advantages(path, step, group),
      whatIf: ({ path, key, completion }) => explorer.whatIf(path, key, completion),
      row: ({ path, key }) => explorer.row(path, key),
      picture: ({ path, step, group }) => explorer.picture(path, step, group),
      export: ({ path, query, format, out }, { signal }) => explorer.export(path, query, format, out, signal),
    },
  };
});
