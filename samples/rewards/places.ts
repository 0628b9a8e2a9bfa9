/** Where a phrase points on a 3x3 grid, in the published way: keywords anywhere in the text, and the centre without one. */

export function cell(phrase: string): number {
  const text = phrase.toLowerCase();
  let place = 5;
  if (text.includes("left")) place -= 1;
  else if (text.includes("right")) place += 1;
  if (text.includes("top") || text.includes("upper")) place -= 3;
  else if (text.includes("bottom") || text.includes("lower")) place += 3;
  return place;
}

export function locationReward(predicted: string, actual: string): number {
  return cell(predicted) === cell(actual) ? 1 : 0;
}
