/** Links in hovers that run a command of the extension. Only these may be trusted by the editor; arguments are plain data. */

export const hoverCommands = [
  "iadr1.exploreRollouts",
  "iadr1.debugRollout",
  "iadr1.probeReward",
  "iadr1.copyRewardReport",
  "iadr1.startLiveValues",
  "iadr1.sampleRollouts",
  "iadr1.scoreWith",
  "iadr1.selectRewardScope",
] as const;

export type HoverCommand = (typeof hoverCommands)[number];

export function commandLink(label: string, command: HoverCommand, ...args: readonly unknown[]): string {
  // Brackets would end the address.
  const query = encodeURIComponent(JSON.stringify(args)).replaceAll("(", "%28").replaceAll(")", "%29");
  return `[${label}](command:${command}${args.length === 0 ? "" : `?${query}`})`;
}
