import { explainMiss } from "@iad-r1/server/rewards/static/explainMiss";
import { patternTrials } from "@iad-r1/server/rewards/static/patternTrials";
import { proveHang, suspectHangs } from "@iad-r1/server/rewards/static/pumping";
import { parsePattern } from "@iad-r1/server/rewards/static/parsePattern";
const show=(p:string,f:string,l:any,t:string,a:any="search")=>console.log(JSON.stringify(explainMiss({pattern:p,flags:f,anchor:a},l,t),null,0));
const full="<think>.*?</think><location>.*?</location><type>.*?</type><answer>.*?</answer>";
show(full,"s","python","<think>a</think>\n<location>x</location><type>t</type><answer>Yes</answer>");
show(full,"s","python","<think>a</think><loc>x</location>");
show("<answer>(.*?)</answer>","","python","<answer>Yes\n</answer>");
show("<answer>(.*?)</answer>","","typescript","no tags");
show("^<think>.*?</think><answer>.*?</answer>$","","python","<think>a</think><answer>b</answer><|im_end|>","start");
show("^<think>","","typescript","Okay <think>");
show("(?P<a>yes|no)\\s+\\d+","","python","yes  x");
show("(a+)+$","","typescript","a".repeat(40)+"!");
console.log(patternTrials({pattern:full,flags:"",anchor:"search"},"python",["<think>a\nb</think>\n<location>x</location><type>t</type><answer>Yes</answer>","<think>a</think><location>x</location> <type>t</type><answer>Yes</answer>"]).map(t=>[t.id,t.pattern,t.flags,t.matched]));
for (const [p,f] of [["^(\\w+\\s?)+[.!]$",""],["^<think>\\s*[^\\n]+\\s*$",""],["(a|a)*b",""],["(a|b)*c",""],["<answer>\\s*(.*?)\\s*</answer>","s"],["(?:[^<]+<br>)*x",""],["(\\d+,)*\\d+$",""],["^(([a-z])+.)+[A-Z]([a-z])+$",""],[full,"s"],["(x+x+)+y",""],["(?:\\s*\\S+)*\\s*$",""]] as const){
 const t=parsePattern(p,f,"typescript")!; const t0=performance.now(); const r=await proveHang(t); console.log(p,suspectHangs(t).length,r&&[r.why,r.length,p.slice(r.start,r.end)],(performance.now()-t0).toFixed(0)); }
