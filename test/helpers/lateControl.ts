/** Pauses for a run that is started in this process: its control can only be made when its folder is there. */
import { RunControl } from "@iad-r1/server/runs/control";

export function lateControl() {
  let control: RunControl | undefined;
  const made = () => {
    if (control === undefined) throw new Error("The run has not begun.");
    return control;
  };
  return {
    pauses: {
      get isWanted() {
        return made().isWanted;
      },
      request: () => made().request(),
      takeExchange: () => made().takeExchange(),
      released: (signal: AbortSignal) => made().released(signal),
    },
    begin: (runFolder: string) => {
      control = new RunControl(runFolder, () => undefined);
    },
    close: () => made().close(),
  };
}
