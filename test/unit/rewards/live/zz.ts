import { staticFindings } from "@iad-r1/server/rewards/static/staticFindings";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { applyFixes } from "@iad-r1/server/rewards/check/checkFile";
import { readFileSync } from "node:fs";
for (const f of process.argv.slice(2)) { const src=readFileSync(f,"utf8"); const p=discoverRewards(f,src); const r=await staticFindings(p);
 for (const x of r) console.log(f.split("/").pop(), x.id,x.function,JSON.stringify(src.slice(x.start,x.end).slice(0,60)),"\n    ",x.message,"\n     ",JSON.stringify(x.fixes)); }
