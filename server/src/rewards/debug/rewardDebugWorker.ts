/** Entry of the workers of the reward debugger: a thread that reads texts, and a process that looks at rollouts and has code run. */
import { serveHost } from "../../runtime/workerHost";
import { createRewardHost, type RewardDebugMethods } from "./rewardHost";
import { rewardTools } from "./rewardTools";

serveHost<RewardDebugMethods, null>(async () => createRewardHost(rewardTools));
