/** The report of a run in the editor's language. What the run's models said, and names of a person's own, stay as they are. */
import { englishReport, type ReportLanguage } from "../../report/runReport";
import { reportTexts } from "./reportZhCn";
import { isChineseLocale, makeLookUp } from "./translate";

/** @param locale as editors write it, such as `zh-cn` */
export function reportLanguageFor(locale: string): ReportLanguage {
  return isChineseLocale(locale) ? chinese : englishReport;
}

const lookUp = makeLookUp(reportTexts, (text) => text);
const chinese: ReportLanguage = { tag: "zh-CN", say: (english) => lookUp(english) ?? english };
