/**
 * Loads ONNX Runtime when it is first needed, so that commands which compute nothing start quickly and a machine without a
 * matching binary gets an explanation instead of a failed import.
 */
import { ResourceError } from "@iad-r1/models/errors";
import { forbidTelemetry } from "./telemetry";

type Ort = typeof import("onnxruntime-node");

let loaded: Ort | undefined;

/** @throws ResourceError `resource/runtime` when there is no binary for this machine */
export async function loadOrt(): Promise<Ort> {
  forbidTelemetry();
  try {
    loaded ??= await import("onnxruntime-node");
    return loaded;
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`;
    const reason = cause instanceof Error ? cause.message.split("\n", 1)[0] : String(cause);
    throw new ResourceError("resource/runtime", `ONNX Runtime does not start on ${platform}: ${reason}.`, {
      hint: "Run the set-up again (npm run setup) on Linux, macOS or Windows on x64 or arm64.",
      cause,
    });
  }
}

/** The module, for code that runs only after a session was created. */
export function ort(): Ort {
  if (loaded === undefined) throw new ResourceError("resource/runtime", "ONNX Runtime was not loaded yet.");
  return loaded;
}
