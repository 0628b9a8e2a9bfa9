/** Keeps ONNX Runtime from sending anything: the library collects usage and uploads it unless a variable says no when it is loaded. */

/**
 * Says no for this process and all that it starts. Must run before the library is loaded, and in the main thread: a thread's
 * environment is a copy that native code does not see.
 */
export function forbidTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = "1";
}
