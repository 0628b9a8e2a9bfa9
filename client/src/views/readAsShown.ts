import type { TreeItem } from "vscode";

/** A screen reader gets what the row shows. Left alone, VS Code reads the tooltip instead of it, which says what the row does not. */
export function readAsShown(item: TreeItem): TreeItem {
  item.accessibilityInformation = { label: [item.label, item.description].filter(Boolean).join(", ") };
  return item;
}
