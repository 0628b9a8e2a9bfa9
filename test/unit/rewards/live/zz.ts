import { LiveValuesBench } from "@iad-r1/server/bench/liveValues";
for (const l of ["typescript","python"] as const) { const b=new LiveValuesBench(l,512); console.log(l,"sites",await b.numSites()); const P:number[]=[],I:number[]=[],R:number[]=[];
 for(let i=0;i<9;i++){P.push(await b.run(false));I.push(await b.run(true)); if(l==="typescript")R.push(b.rewrite());}
 const med=(x:number[])=>[...x].sort((a,b)=>a-b)[x.length>>1]; console.log(l,"plain",med(P),"live",med(I),"ratio",med(I.map((x,i)=>x/P[i])), "rewrite ms", R.map(x=>(x*1000).toFixed(0)).join(",")); await b.close(); }
