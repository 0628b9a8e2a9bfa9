/** Reads the settings of `contributions.ts` with their types. The only place that knows their prefix. */
import { type ConfigurationChangeEvent, type Uri, workspace } from "vscode";
import type { SettingName, SettingValue } from "./contributions";

export function setting<N extends SettingName>(name: N, resource?: Uri): SettingValue<N> {
  // VS Code fills in the declared default and the declared type is the manifest's.
  return workspace.getConfiguration("iadr1", resource).get(name) as SettingValue<N>;
}

/** Whether a change touches one of these settings. */
export function touches(event: ConfigurationChangeEvent, ...names: SettingName[]): boolean {
  return names.some((name) => event.affectsConfiguration(`iadr1.${name}`));
}
