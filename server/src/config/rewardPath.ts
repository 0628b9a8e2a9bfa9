/** How a reward of a person is named: `rewards/place.reward.ts#location`. */

/** The file and the function that a name means; null for names of built-in rewards. */
export function parseRewardPath(name: string): { file: string; function: string | null } | null {
  const match = /^([^#]+\.(?:[cm]?[jt]s|py))(?:#(.*))?$/.exec(name);
  return match === null
    ? null
    : { file: match[1]!, function: match[2] === undefined || match[2] === "" ? null : match[2] };
}

/** Names of a comma-separated list. */
export function rewardNames(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
