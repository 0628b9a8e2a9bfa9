/**
 * Simplified Chinese for the reward debugger: findings and their fixes, hovers, lenses, values at the ends of lines, probes. The keys are the
 * English as the code writes it, sentence by sentence, with `{0}` where something varies; tests hold them against what the corpus of
 * reward files is told, so a changed sentence shows there.
 */
export const rewardSentences: Readonly<Record<string, string>> = {
  // ---- RW101: number of values
  "This returns one value, {0}, where a list with one value for each completion is wanted.":
    "这里返回一个值 {0}，而需要的是每个回答对应一个值的列表。",
  "Trainers stop here, or give all completions the same score.": "训练器会在此停止，或给所有回答同样的分数。",
  "{0} adds nothing to {1}. The list then is not as long as the completions: trainers stop, or give every completion the wrong score. Return one value per completion: {2} for those it says nothing about.":
    "{0}不向 {1} 添加任何值。于是列表与回答数量不等：训练器会停止，或把分数给错回答。请为每个回答返回一个值：无可评价的返回 {2}。",
  "{0} adds {1} values to {2}. The list then is not as long as the completions: trainers stop, or give every completion the wrong score. Return one value per completion: {3} for those it says nothing about.":
    "{0}向 {2} 添加 {1} 个值。于是列表与回答数量不等：训练器会停止，或把分数给错回答。请为每个回答返回一个值：无可评价的返回 {3}。",
  "{0} ends the loop before all completions have a value. The list then is not as long as the completions: trainers stop, or give every completion the wrong score. Return one value per completion: {1} for those it says nothing about.":
    "{0}在所有回答都有值之前结束循环。于是列表与回答数量不等：训练器会停止，或把分数给错回答。请为每个回答返回一个值：无可评价的返回 {1}。",
  "{0} gives no value for {1} of {2} ({3}): {4}.": "{0} 对 {2} 中的 {1}没有给出值（{3}）：{4}。",
  "{0} gives no value for {1} of {2} ({3}: {4}.": "{0} 对 {2} 中的 {1}没有给出值（{3}：{4}。",
  "{0} does not give one value per completion ({1}): {2}.": "{0} 没有为每个回答给出一个值（{1}）：{2}。",
  "{0} gives {1} for {2} ({3}): {4}.": "{0} 对 {2}给出 {1}（{3}）：{4}。",
  "Return one value per completion, on every branch; None where the reward does not apply.":
    "请在每个分支上为每个回答返回一个值；奖励不适用时返回 None。",

  // ---- RW102: no finite number
  "{0} is a truth value, where a reward is a finite number. Trainers differ in what they make of it: return 1 or 0.":
    "{0} 是真值，而奖励应为有限的数字。各训练器对它的处理不同：请返回 1 或 0。",
  "{0} is a text, where a reward is a finite number. Trainers stop here, or make it NaN: return a number.":
    "{0} 是文本，而奖励应为有限的数字。训练器会在此停止，或将其变为 NaN：请返回数字。",
  "{0} gives something that is no finite number for {1} of {2}; first: {3}.":
    "{0} 对 {2} 个中的 {1}给出的不是有限的数字；第一个：{3}。",
  'Map it to a number, or return "not applicable" ({0}) where there is nothing to score.':
    "请将其映射为数字；无可评分时返回“不适用”（{0}）。",
  "{0} leaves its declared range for {1} of {2}; first: {3}.": "{0} 在 {2} 个中的 {1}上超出其声明的范围；第一个：{3}。",
  "Clamp the value, or declare the range it really has.": "请截断该值，或声明它真正的范围。",

  // ---- RW103: arguments
  '{0} takes no **kwargs, but trainers give every column of the data set and more by name: it fails with "unexpected keyword argument".':
    "{0} 没有 **kwargs，但训练器会按名称传入数据集的每一列以及更多参数：会因“unexpected keyword argument”而失败。",
  "Add **kwargs.": "请添加 **kwargs。",
  '{0} can only be given by position, but trainers give all arguments by name. Remove the "/".':
    "{0} 只能按位置传入，但训练器按名称传入所有参数。请删除“/”。",
  "The data have no column {0}; they have {1}.": "数据中没有列 {0}；有 {1}。",
  'Trainers then fail with "missing argument".': "训练器会因“missing argument”而失败。",
  "Name a column that is there.": "请写一个存在的列。",

  // ---- RW104: swallowed exceptions
  "Any exception in these {0} is swallowed: {1}, and a fault of the checker looks like a wrong answer.":
    "这 {0}中的任何异常都会被吞掉：{1}，检查器的错误看起来就像错误的答案。",
  'Catch only what can be expected, and return "not applicable" for what cannot be scored.':
    "请只捕获可预期的异常，对无法评分的返回“不适用”。",
  "An exception becomes a score on {0} of {1} ({2}): {3}.": "在 {1} 个中的 {0}上异常变成了分数（{2}）：{3}。",
  "They get {0} on average, as if the answer were judged.": "它们平均得到 {0}，好像答案被评判过一样。",
  'Narrow the try to the line that may fail, and return "not applicable" ({0}) for what cannot be scored.':
    "请将 try 缩小到可能失败的那一行，对无法评分的返回“不适用”（{0}）。",
  "{0} raises on {1} of {2} ({3}): {4}.": "{0} 在 {2} 个中的 {1}上抛出异常（{3}）：{4}。",
  "These completions have no score, and a run stops above {0}.": "这些回答没有分数，超过 {0} 时训练会停止。",
  'Handle the case, or return "not applicable" ({0}).': "请处理这种情况，或返回“不适用”（{0}）。",

  // ---- RW105 to RW109: variance and components
  "{0} gives {1} for all {2} completions: nothing can be learnt from it.":
    "{0} 对全部 {2} 个回答都给出 {1}：从中学不到任何东西。",
  "{0} gives {1} (its least) for all {2} completions: nothing can be learnt from it.":
    "{0} 对全部 {2} 个回答都给出 {1}（其最低分）：从中学不到任何东西。",
  "Look at the expression that decides; a comparison or pattern probably never holds.":
    "请看起决定作用的表达式；可能某个比较或模式从不成立。",
  "Look at the expression that decides; a comparison or pattern probably always holds.":
    "请看起决定作用的表达式；可能某个比较或模式总是成立。",
  "In {0} of {1} groups ({2}) all completions have the same total, so they teach nothing: {3} all right, {4} all wrong, {5} wrong in the same way.":
    "{1} 组中有 {0} 组（{2}）的所有回答总分相同，因此学不到东西：{3} 组全对，{4} 组全错，{5} 组以同样的方式错。",
  "Here most are right every time: leave solved prompts out (curriculum filter).":
    "这里大多每次都对：请略过已解决的提示（课程筛选）。",
  "Here most are wrong in different ways that earn the same: give partial credit, or begin with easier prompts.":
    "这里大多以不同方式错却得分相同：请给部分分，或从更容易的提示开始。",
  "Here most say the same wrong thing every time: raise the temperature or the group size.":
    "这里大多每次都说同样的错话：请提高温度或增大组的大小。",
  "{0} stands at {1} of its greatest value in each of the last {2} steps and hardly differs inside groups, while {3} is at {4}: it is used up.":
    "{0} 在最近 {2} 步中每步都达到其最大值的 {1}，组内几乎无差别，而 {3} 为 {4}：它已用尽。",
  "Lower its weight, or let it gate {0} instead of adding to it.": "请降低其权重，或让它作为 {0} 的前提而不是相加。",
  "{0} makes {1} of the total's variance inside groups; {2} hardly matters (deviation {3} against {4} over all).":
    "{0} 占组内总分方差的 {1}；{2} 几乎不起作用（总体标准差 {3} 对 {4}）。",
  "{0} makes {1} of the total's variance inside groups; {2} hardly matter (deviation {3} against {4} over all).":
    "{0} 占组内总分方差的 {1}；{2} 几乎不起作用（总体标准差 {3} 对 {4}）。",
  "Bring the scales together with weights, or normalise each reward by itself (GDPO).":
    "请用权重统一尺度，或分别归一化每个奖励（GDPO）。",
  "In {0} of {1} groups ({2}) completions with different rewards get one advantage, because the sum is the same: {3} and {4} both total {5}.":
    "{1} 组中有 {0} 组（{2}）奖励不同的回答得到同一优势，因为总和相同：{3} 与 {4} 的总分都是 {5}。",
  "Over all groups {0} different results become {1} advantages.": "所有组中 {0} 种不同的结果变成 {1} 种优势。",
  "Normalise each reward by itself (GDPO), or give unequal weights.":
    "请分别归一化每个奖励（GDPO），或使用不相等的权重。",
  "In {0} they cancel exactly; no rescaling of the total brings those back.":
    "在 {0}中它们恰好抵消；对总分重新缩放无法恢复。",

  // ---- RW110, RW121, RW122: lengths
  "{0} pays for length: inside groups, rank correlation of score and length is {1}, and {2}.":
    "{0} 奖励了长度：组内分数与长度的秩相关为 {1}，并且{2}。",
  "Pay for brevity only beside a right answer, or take something off overlong completions; the longest winners have {0} characters.":
    "请只在答案正确时奖励简短，或对过长的回答扣分；最长的高分回答有 {0} 个字符。",
  "Pay for brevity only beside a right answer, or take something off overlong completions; the longest winners have {0} tokens.":
    "请只在答案正确时奖励简短，或对过长的回答扣分；最长的高分回答有 {0} 个 token。",
  "{0} gives an empty completion up to {1} on {2} of {3} (its scores go from {4} to {5}): a policy that says nothing is paid.":
    "{0} 在 {3}中的 {2} 行上给空回答最高 {1}（其分数从 {4} 到 {5}）：什么都不说的策略也得分。",
  "{0} gives an empty completion {1} on {2} of {3} (its scores go from {4} to {5}): a policy that says nothing is paid.":
    "{0} 在 {3}中的 {2} 行上给空回答 {1}（其分数从 {4} 到 {5}）：什么都不说的策略也得分。",
  'Return 0 or "not applicable" for empty text, and mask padded completions.':
    "请对空文本返回 0 或“不适用”，并屏蔽填充的回答。",
  "{0} of {1} is scored and changes the advantages of {2} in the same groups.":
    "{1} 个中的 {0}被评分，并改变同组 {2}的优势。",
  "{0} of {1} are scored and change the advantages of {2} in the same groups.":
    "{1} 个中的 {0}被评分，并改变同组 {2}的优势。",
  'Mask empty and padded completions, or let rewards say "not applicable" for them.':
    "请屏蔽空的和填充的回答，或让奖励对它们返回“不适用”。",
  "{0} of the {1} failures of {2} ({3}) are completions that were cut off at the length limit, not wrong answers.":
    "{2} 的 {1} 个失败中有 {0} 个（{3}）是在长度上限处被截断的回答，而不是错误的答案。",
  "Raise the length limit, or mask cut-off completions.": "请提高长度上限，或屏蔽被截断的回答。",

  // ---- RW111 to RW113: patterns
  "The pattern {0} matched {1} of {2} ({3}).": "模式 {0} 匹配了 {2}中的 {1} 个（{3}）。",
  "An example that it missed: {0}.": "未匹配的一个例子：{0}。",
  "Compare the two, and let the pattern allow what the model writes.": "请比较两者，让模式允许模型所写的内容。",
  "It would match {0} of {1} of these texts if you {2}.": "若{2}，它会匹配这些文本中的 {0}/{1} 个。",
  "Nothing of it was found: {0} does not occur.": "完全没有找到：{0} 没有出现。",
  "Matched up to the start, expected {0}, saw {1}.": "匹配到开头，应为 {0}，遇到 {1}。",
  "Matched up to {0}, expected {1}, saw {2}.": "匹配到 {0}，应为 {1}，遇到 {2}。",
  "It took more than {0} ms on this text and was stopped.": "在此文本上超过 {0} 毫秒，已停止。",
  "`.` does not match a line break.": "`.` 不匹配换行。",
  "There is white space in between.": "中间有空白。",
  "This part forbids what follows.": "这一部分禁止后面的内容。",
  "This part forbids what stands before.": "这一部分禁止前面的内容。",
  "It is there in another letter case.": "它以另一种大小写出现。",
  "It comes later, but the pattern begins at the start.": "它出现在后面，但模式从开头开始。",
  "The pattern {0} is fragile: {1}. Models write such texts often enough, and then the reward misreads them. Loosen the pattern, or read tags with a parser that allows for it.":
    "模式 {0} 很脆弱：{1}。模型常写出这样的文本，奖励就会读错。请放宽模式，或用允许这些差别的解析器读取标签。",
  "This pattern can take forever: the repeat inside of {0} can share the same text with the repeat around it, so a text that does not match is tried in exponentially many ways. A text of {1} characters was stopped after {2} ms. Write it so that each character can be matched in one way only, or use an engine that is linear in time (re2js, google-re2).":
    "此模式可能永不结束：{0} 内的重复可与外层的重复分享同样的文本，不匹配的文本会以指数多种方式尝试。{1} 个字符的文本在 {2} 毫秒后被停止。请改写成每个字符只有一种匹配方式，或使用线性时间的引擎（re2js、google-re2）。",
  "This pattern can take forever: the alternatives of {0} can match the same text, so a text that does not match is tried in exponentially many ways. A text of {1} characters was stopped after {2} ms. Write it so that each character can be matched in one way only, or use an engine that is linear in time (re2js, google-re2).":
    "此模式可能永不结束：{0} 的各选项可匹配同样的文本，不匹配的文本会以指数多种方式尝试。{1} 个字符的文本在 {2} 毫秒后被停止。请改写成每个字符只有一种匹配方式，或使用线性时间的引擎（re2js、google-re2）。",
  "This pattern can take forever: the repeats of {0} stand side by side and can share the same text, so a text that does not match is tried in ways that grow with a power of its length. A text of {1} characters was stopped after {2} ms. Write it so that each character can be matched in one way only, or use an engine that is linear in time (re2js, google-re2).":
    "此模式可能永不结束：{0} 的重复相邻且可分享同样的文本，不匹配文本的尝试次数随长度的幂增长。{1} 个字符的文本在 {2} 毫秒后被停止。请改写成每个字符只有一种匹配方式，或使用线性时间的引擎（re2js、google-re2）。",
  "The pattern {0} can take forever: a text of {1} characters kept it busy for more than {2} ms, and every character more doubles that.":
    "模式 {0} 可能永不结束：{1} 个字符的文本使其忙碌超过 {2} 毫秒，每多一个字符时间加倍。",
  "The part {0} can share the same text among its repeats in many ways.":
    "{0} 这一部分的重复能以多种方式分享同样的文本。",
  "Take one repeat away, or use a linear-time engine (re2js).": "请去掉一个重复，或使用线性时间的引擎（re2js）。",
  "The pattern {0} of {1} takes forever on {2}: it was ended at the time limit.":
    "{1} 的模式{0}在{2}上永不结束：已在时间上限处终止。",
  "Repeats inside repeats try every way to share the text among them.": "嵌套的重复会尝试分享文本的每一种方式。",

  // ---- RW114 to RW116: time, chance, neighbours
  "{0} did not finish within the time limit on {1}; it was {2}.": "{0} 在{1}上未能在时间上限内完成；当时{2}。",
  "{0} took all the memory it may have on {1}; it was {2}.": "{0} 在{1}上用尽了允许的内存；当时{2}。",
  "{0} did not finish within the time limit on {1}.": "{0} 在{1}上未能在时间上限内完成。",
  "{0} took all the memory it may have on {1}.": "{0} 在{1}上用尽了允许的内存。",
  "A run would stand still here.": "训练会停在这里。",
  'Bound the loop or the wait, and return "not applicable" after it, never 0.':
    "请限制循环或等待，之后返回“不适用”，绝不要返回 0。",
  "{0} takes {1} ms a completion (p99 {2} ms): {3} s for 64 completions, while generation waits.":
    "{0} 每个回答需要 {1} 毫秒（p99 {2} 毫秒）：64 个回答需 {3} 秒，其间生成在等待。",
  "{0} takes {1} ms a completion (p99 {2} ms), {3} of the recorded time of a step: {4} s for 64 completions, while generation waits.":
    "{0} 每个回答需要 {1} 毫秒（p99 {2} 毫秒），占所记录的每步时间的 {3}：64 个回答需 {4} 秒，其间生成在等待。",
  "{0} takes {1} ms a completion (p99 {2} ms), {3} of the recorded time of a step: {4} s for 64 completions, while generation waits; one call in it ran {5}.":
    "{0} 每个回答需要 {1} 毫秒（p99 {2} 毫秒），占所记录的每步时间的 {3}：64 个回答需 {4} 秒，其间生成在等待；其中一个调用运行了 {5}。",
  "{0} takes {1} ms a completion (p99 {2} ms){3}: {4} s for 64 completions, while generation waits{5}.":
    "{0} 每个回答需要 {1} 毫秒（p99 {2} 毫秒）{3}：64 个回答需 {4} 秒，其间生成在等待{5}。",
  "{0} takes {1} ms a completion (p99 {2} ms){3}: {4} s for 64 completions, while generation waits.":
    "{0} 每个回答需要 {1} 毫秒（p99 {2} 毫秒）{3}：64 个回答需 {4} 秒，其间生成在等待。",
  'Make it async, cache what repeats, or score the batch at once; after a time-out return "not applicable", never 0.':
    "请改为异步、缓存重复的内容，或一次对整批评分；超时后返回“不适用”，绝不要返回 0。",
  "{0} draws without a seed: the same completion scores differently each time, and a resumed run differs from an uninterrupted one.":
    "{0} 不带种子取随机数：同一回答每次得分不同，恢复的训练与未中断的训练不同。",
  "Draw from random.Random(seed) made of the row, or leave chance out.":
    "请用由该行得出的 random.Random(seed) 取随机数，或不用随机。",
  "Use the `random` that the context gives, or leave chance out.": "请使用上下文提供的 `random`，或不用随机。",
  "{0} reads the clock: the same completion scores differently each time.": "{0} 读取时钟：同一回答每次得分不同。",
  "Leave time out of the score, or mark the reward impure.": "请不要让时间影响分数，或将奖励标记为 impure。",
  "{0} is kept from call to call, so the score of a completion depends on which completions came before it: on the order of the batch, on its size, and on whether the run was resumed.":
    "{0} 在调用之间被保留，因此一个回答的分数取决于之前的回答：批的顺序、大小以及训练是否恢复过。",
  'Compute it from the completion, or from its group with scope "group".':
    "请由回答本身计算，或用 scope “group”由其组计算。",
  "{0} is not deterministic: two runs over the same {1} completions differ on {2} ({3} and then {4}).":
    "{0} 不确定：对同样的 {1} 个回答运行两次，有 {2} 个不同（先 {3} 后 {4}）。",
  "Differences of chance become advantages.": "偶然的差别会变成优势。",
  "Use the seeded random numbers, keep no state between calls, or declare it a judge and average several answers.":
    "请使用带种子的随机数，调用之间不保留状态，或声明为评审并对多次回答取平均。",
  "{0} gives {1} another score {2} ({3} becomes {4}): the score depends on what else is in the batch, which differs with batch size and number of devices.":
    "{2}，{0} 给 {1}不同的分数（{3} 变为 {4}）：分数取决于批中的其他内容，而它随批大小和设备数变化。",
  'Declare scope: "group", so that it is always given all completions of a prompt.':
    "请声明 scope: “group”，使其总能得到一个提示的全部回答。",
  'Score each completion by itself, or declare scope: "group" and compare inside groups only.':
    "请单独为每个回答评分，或声明 scope: “group” 并只在组内比较。",
  "Let a group's scores depend on that group alone.": "请让一组的分数只取决于该组。",

  // ---- RW117 to RW120: truth, probes, evaluation
  "{0} cannot read {1} of {2}, such as {3}: saying exactly that earns {4}, as nonsense does.":
    "{0} 无法读取 {2} 个中的 {1}，例如 {3}：照样说出来得 {4}，与胡说相同。",
  "{0} cannot be judged.": "{0}无法评判。",
  'Correct these data rows, or return "not applicable" for them.': "请更正这些数据行，或对它们返回“不适用”。",
  "{0} points the wrong way: on {1} of {2} a wrong completion earns more than the true answer; {3} earns {4}, the truth {5} earns {6}.":
    "{0} 方向反了：在 {2}中的 {1} 行上，错误的回答比正确答案得分更高；{3} 得 {4}，真值 {5} 得 {6}。",
  "Turn the sign or the comparison round.": "请反转符号或比较。",
  "No true answer reaches the ceiling of {0} that {1} declares: the best of {2} earns {3}.":
    "没有正确答案达到 {1} 声明的上限 {0}：{2}中最好的得 {3}。",
  "Correct the comparison, or declare the range it really has.": "请更正比较，或声明它真正的范围。",
  "{0} pays for nonsense: {1}.": "{0} 为胡说付分：{1}。",
  "A policy finds these before it learns the task.": "策略在学会任务之前就会发现它们。",
  "Pay the parts only beside the right answer, and compare whole words.":
    "请只在答案正确时为各部分付分，并比较整个词。",
  "{0} does not pay what is right: {1}.": "{0} 没有为正确的内容付分：{1}。",
  "Let each part earn for itself, and let other words for the same thing count.":
    "请让每个部分各自得分，并让同义词也算数。",
  "A policy that always answers {0} earns {1} of what the true answers earn with {2}, on as many pictures of both kinds: it need not look.":
    "总是回答 {0} 的策略，在两类图像数量相同时，从 {2} 得到正确答案所得的 {1}：它不必看图。",
  "Take something off a wrong verdict.": "请对错误的判断扣分。",
  "{0} and the evaluation disagree on {1} of {2} completions ({3}): {4} are rewarded though wrong, {5} are right but not rewarded, such as {6} for {7}.":
    "{0} 与评估在 {2} 个回答中的 {1} 个上不一致（{3}）：{4} 个错误却得分，{5} 个正确却未得分，例如 {6}，真值为 {7}。",
  "Read both with the same parser.": "请用同一个解析器读取两者。",

  // ---- RW123, RW124: ceilings, prompts
  "{0} can give at most {1} where the truth is {2} and {3} where it is {4}: a perfect policy earns more on one kind, which bends training as soon as advantages are scaled over the batch or not at all.":
    "真值为{2}时 {0} 最多给 {1}，为{4}时最多给 {3}：完美的策略在一类上得分更多，一旦优势按批缩放或不缩放，训练就会偏斜。",
  "Divide by each kind's own ceiling.": "请除以每一类各自的上限。",
  "The prompt of {0} of {1} is not the one the run used: rendered today it has another hash.":
    "{1} 个中的 {0}的提示不是训练所用的：今天渲染的哈希不同。",
  "The prompt of {0} of {1} is not the one the run used: rendered today it has another hash (sample {2}).":
    "{1} 个中的 {0}的提示不是训练所用的：今天渲染的哈希不同（样本 {2}）。",
  "Template, tags, question or number of pictures changed since; render both and compare them before trusting these scores.":
    "模板、标签、问题或图像数量在此后改变了；请渲染两者并比较，然后再相信这些分数。",
  "{0} looks for {1}, but no prompt asks for that (the prompts name {2}) and no completion has it.":
    "{0} 寻找 {1}，但没有提示要求它（提示中提到 {2}），也没有回答写出它。",
  "{0} looks for {1}, but no prompt asks for that (the prompts name {2}) and only {3} of the completions have it.":
    "{0} 寻找 {1}，但没有提示要求它（提示中提到 {2}），只有 {3} 的回答写出它。",
  "Ask for the tags that are paid, or read the tags that are asked for.": "请要求给分的标签，或读取所要求的标签。",
  "The prompt of {0} of {1} says {2} as it stands in a template: the model was asked with a place that was never filled.":
    "{1} 个中的 {0}的提示里原样写着模板的 {2}：提问时这个位置从未被填写。",
  "Fill it wherever the prompt is rendered, or take it out of the template.": "请在渲染提示处填写它，或从模板中去掉。",
  "The prompt of {0} shows another number of pictures than the data row has ({1} in the prompt, {2} in the row).":
    "{0}的提示所显示的图像数量与数据行不同（提示中 {1}，行中 {2}）。",
  "Training and use would not see the same; correct the template or the row.":
    "训练和使用看到的内容会不同；请更正模板或数据行。",

  // ---- the guard of a run
  "{0} does not give one value per completion: {1}.": "{0} 没有为每个回答给出一个值：{1}。",
  "{0} gave no usable number for {1} of {2} completions: {3}.": "{0} 对 {2} 个回答中的 {1} 个没有给出可用的数字：{3}。",
  "{0} failed on {1} of {2} ({3}): {4}.": "{0} 在 {2} 个中的 {1}上失败（{3}）：{4}。",
  "{0} failed on {1} of {2} ({3}).": "{0} 在 {2} 个中的 {1}上失败（{3}）。",
  "They count for nothing; correct the reward and swap it in.": "它们不计入任何分数；请更正奖励并换入。",
  "{0} gave {1} for all of the last {2} completions: nothing can be learnt from it.":
    "{0} 对最近全部 {2} 个回答都给出 {1}：从中学不到任何东西。",
  "In {0} of the groups of the last {1} all completions have the same total: they teach nothing.":
    "在最近 {1}中，{0} 的组里所有回答总分相同：它们教不了任何东西。",
  "Raise the temperature or the group size, leave out what is solved, or give partial credit.":
    "请提高温度或组大小，去掉已解决的，或给部分分数。",
  "{0} of the {1} completions with the least total ({2}) were cut off at the length limit.":
    "总分最低的 {1} 个回答中有 {0} 个（{2}）在长度上限处被截断。",
  "Raise the limit, or mask cut-off completions.": "请提高上限，或屏蔽被截断的回答。",

  // ---- quick fixes
  "Return one value per completion": "每个回答返回一个值",
  "Make it a number: 1 or 0": "改为数字：1 或 0",
  "Write the number: {0}": "写成数字：{0}",
  "Add **kwargs": "添加 **kwargs",
  "Use the column {0}": "使用列 {0}",
  "Catch only {0}": "只捕获 {0}",
  "Not applicable instead of a score (None)": "以“不适用”代替分数（None）",
  "Not applicable instead of a score (skip)": "以“不适用”代替分数（skip）",
  "Mark the reward impure": "将奖励标记为 impure",
  "Add None for these completions: not applicable": "为这些回答添加 None：不适用",
  "Add an else: not applicable, so that every completion has a value": "添加 else：不适用，使每个回答都有值",
  "Loosen the pattern in all these ways": "以上述所有方式放宽模式",
  "Read <{0}> with the tag parser": "用标签解析器读取 <{0}>",
  "Declare that it scores groups": "声明它按组评分",
  "Declare the range {0}": "声明范围 {0}",
  "Clamp to the declared range": "截断到声明的范围",
  "Add a probe for this": "为此添加一个探针",
  "Add {0} probes for this": "为此添加 {0} 个探针",
  "Ignore {0} ({1}) on this line": "在此行忽略 {0}（{1}）",
  "Rollout {0} of group {1}": "组 {1} 的回答 {0}",
  "Rollout {0} of group {1}, step {2}": "第 {2} 步组 {1} 的回答 {0}",
};

/** Pieces of hovers, lenses and values at the ends of lines, as far as ` · `, a cell of a table or a line goes. */
export const rewardSurfaceTexts: Readonly<Record<string, string>> = {
  // ---- hovers
  "{0} reward, one call per {1}": "{0} 奖励，每个{1}调用一次",
  "No recorded rollouts yet.": "还没有记录的回答。",
  "{0} rollouts": "{0} 个回答",
  updating: "正在更新",
  "re-scored with the code on screen": "已用屏幕上的代码重新评分",
  recorded: "已记录",
  "not in these rollouts": "不在这些回答中",
  "Pinned rollout: {0}": "固定的回答：{0}",
  "The rollouts were recorded without this reward. Start live values to score them with the code on screen.":
    "记录这些回答时没有此奖励。启动实时值即可用屏幕上的代码评分。",
  "No rollout got a number.": "没有回答得到数字。",
  "![Scores of {0}: {1} values from {2} to {3}, mean {4}]({5})":
    "![{0} 的分数：{1} 个值，从 {2} 到 {3}，均值 {4}]({5})",
  "![{0}: {1} values from {2} to {3}, mean {4}]({5})": "![{0}：{1} 个值，从 {2} 到 {3}，均值 {4}]({5})",
  mean: "均值",
  "std over all {0}": "全部 {0} 个的标准差",
  "std inside groups": "组内标准差",
  min: "最小",
  max: "最大",
  "{0} of {1} groups have equal totals": "{1} 组中 {0} 总分相同",
  "{0} not applicable": "{0} 个不适用",
  "{0} failed": "{0} 个失败",
  "p99 {0} ms a call": "每次调用 p99 {0} 毫秒",
  "p99 {0} ms": "p99 {0} 毫秒",
  "{0} of the total's variance inside groups": "占组内总分方差的 {0}",
  "Mean {0} → {1} over {2} steps": "均值在 {2} 步中 {0} → {1}",
  "This code gives the same {0} scores as the run": "此代码给出的 {0} 个分数与训练相同",
  "This code gives the same {0} scores as when it was first run here": "此代码给出的 {0} 个分数与首次在此运行时相同",
  "This edit flips {0} of {1} scores, mean {2}": "此编辑改变 {1} 个分数中的 {0} 个，均值 {2}",
  "This edit flips {0} of {1} scores of when it was first run here, mean {2}":
    "与首次在此运行相比，此编辑改变 {1} 个分数中的 {0} 个，均值 {2}",
  "[Explore rollouts]({0})": "[查看回答]({0})",
  "[Show the {0} flips]({1})": "[显示 {0} 个变化]({1})",
  "[Debug worst rollout]({0})": "[调试最差的回答]({0})",
  "[Probe]({0})": "[探测]({0})",
  "[Copy as markdown]({0})": "[复制为 Markdown]({0})",
  "[Start live values]({0})": "[启动实时值]({0})",
  "[Sample rollouts]({0})": "[采样回答]({0})",
  "[Select scope]({0})": "[选择范围]({0})",
  "[Show the rollouts]({0})": "[显示这些回答]({0})",
  "[Debug one of them]({0})": "[调试其中一个]({0})",
  returned: "返回",
  "pinned rollout": "固定的回答",
  "reached in all {0} rollouts": "在全部 {0} 个回答中到达",
  "reached in all {0} rollouts, {1}×": "在全部 {0} 个回答中到达，{1} 次",
  "reached {0}×": "到达 {0} 次",
  "reached {0}×, values of the first {1}": "到达 {0} 次，显示前 {1} 次的值",
  "reached in {0} of {1} rollouts": "在 {1} 个回答中的 {0} 个中到达",
  "reached in {0} of {1} rollouts, {2}×": "在 {1} 个回答中的 {0} 个中到达，{2} 次",
  "reached in {0} of {1} rollouts; not reached because line {2} was {3} {4}×":
    "在 {1} 个回答中的 {0} 个中到达；未到达是因为第 {2} 行有 {4} 次为 {3}",
  "reached in {0} of {1} rollouts, {2}×; not reached because line {3} was {4} {5}×":
    "在 {1} 个回答中的 {0} 个中到达，{2} 次；未到达是因为第 {3} 行有 {5} 次为 {4}",
  "Never reached in {0} rollouts.": "在 {0} 个回答中从未到达。",
  "Never reached.": "从未到达。",
  "Never reached: line {0} was {1} {2}×.": "从未到达：第 {0} 行有 {2} 次为 {1}。",
  "true {0}× ({1})": "true {0} 次（{1}）",
  "true {0}× ({1}), mean total {2}": "true {0} 次（{1}），平均总分 {2}",
  "false {0}× ({1})": "false {0} 次（{1}）",
  "false {0}× ({1}), mean total {2}": "false {0} 次（{1}），平均总分 {2}",
  "mean {0}": "均值 {0}",
  "std {0}": "标准差 {0}",
  "from {0} to {1}": "从 {0} 到 {1}",
  "{0}× {1} other value": "{0} 次另外 {1} 个值",
  "{0}× {1} other values": "{0} 次另外 {1} 个值",
  "Mean total {0} where it was reached, {1} elsewhere": "到达处平均总分 {0}，其他 {1}",
  "Mean total {0} where it caught, {1} elsewhere": "捕获处平均总分 {0}，其他 {1}",
  "Threw {0}×: {1}": "抛出 {0} 次：{1}",
  "Nothing was caught in {0} rollouts.": "在 {0} 个回答中没有捕获任何异常。",
  "Caught {0}×": "捕获 {0} 次",
  "Caught in {0} of {1} rollouts ({2})": "在 {1} 个回答中的 {0} 个中捕获（{2}）",
  "{0}× {1}, thrown in line {2}": "{0} 次 {1}，在第 {2} 行抛出",
  "Matches {0} of {1} texts ({2})": "匹配 {1} 个文本中的 {0} 个（{2}）",
  "One that fails: matched up to {0}, expected {1}, saw {2}": "一个失败的例子：匹配到 {0}，应为 {1}，遇到 {2}",
  "{0}: matches {1} of {2} ({3})": "{0}：匹配 {2} 个中的 {1} 个（{3}）",
  "Can take very long: {0}": "可能非常慢：{0}",
  "{0}: true {1}×, false {2}×": "{0}：true {1} 次，false {2} 次",
  "{0}: true {1}× (mean total {2}), false {3}×": "{0}：true {1} 次（平均总分 {2}），false {3} 次",
  "{0}: true {1}×, false {2}× (mean total {3})": "{0}：true {1} 次，false {2} 次（平均总分 {3}）",
  "{0}: true {1}× (mean total {2}), false {3}× (mean total {4})":
    "{0}：true {1} 次（平均总分 {2}），false {3} 次（平均总分 {4}）",
  "{0} is {1}": "{0} 为 {1}",

  // ---- lenses and values at the ends of lines
  Explore: "查看",
  Probe: "探测",
  "Score with…": "评分范围…",
  "What it did over the rollouts of the scope; copies it as Markdown": "它在范围内的回答上做了什么；复制为 Markdown",
  "Opens the rollouts behind these numbers": "打开这些数字背后的回答",
  "Scores made-up completions: empty, tags only, wrong answers, …": "为编造的回答评分：空、只有标签、错误答案……",
  "Chooses other rollouts: a run, steps, a file": "选择其他回答：训练、步、文件",
  "scoring…": "正在评分…",
  "no rollouts yet": "还没有回答",
  "no scores yet": "还没有分数",
  "pinned rollout: {0}": "固定的回答：{0}",
  "{0} % equal groups": "{0} % 的组总分相同",
  "{0} flips": "{0} 个变化",
  "caught {0}×": "捕获 {0} 次",
  "never reached": "从未到达",
  "true {0}× false {1}×": "true {0} 次 false {1} 次",
};

/** What stands in places of those sentences and is ours; everything else there is a person's own. */
export const rewardPhrases: Readonly<Record<string, string>> = {
  "1 completion": "1 个回答",
  "{0} completions": "{0} 个回答",
  "1 other completion": "1 个其他回答",
  "{0} other completions": "{0} 个其他回答",
  "1 empty completion": "1 个空回答",
  "{0} empty completions": "{0} 个空回答",
  "1 step": "1 步",
  "{0} steps": "{0} 步",
  "1 group": "1 组",
  "{0} groups": "{0} 组",
  "1 value": "1 个值",
  "{0} values": "{0} 个值",
  "1 text": "1 个文本",
  "{0} texts": "{0} 个文本",
  "1 data row": "1 个数据行",
  "{0} data rows": "{0} 个数据行",
  "1 ground truth": "1 个真值",
  "{0} ground truths": "{0} 个真值",
  "1 true answer": "1 个正确答案",
  "{0} true answers": "{0} 个正确答案",
  "1 line": "1 行",
  "{0} lines": "{0} 行",
  "no score": "无分数",
  nothing: "0",
  normal: "正常",
  anomalous: "异常",
  yes: "是",
  no: "否",
  completion: "回答",
  group: "组",
  batch: "批",
  failed: "失败",
  "not applicable": "不适用",
  "**{0}**": "**{0}**",
  "a skipped score": "跳过的分数",
  "Every turn of this loop": "此循环的每一轮",
  "The way {0}": "{0}的路径",
  "where {0}": "当 {0} 时",
  "where not ({0})": "当非（{0}）时",
  "where neither {0}": "当都不成立（{0}）时",
  "of an exception": "发生异常时",
  "in line {0}": "在第 {0} 行",
  "the recorded completions": "记录的回答",
  "nothing happens, and the code goes on as if it had worked": "什么也不发生，代码像成功一样继续",
  "the score becomes {0}": "分数变为 {0}",
  "the list is shorter than the batch, so later scores would land on other people's completions":
    "列表比批短，后面的分数会落到别的回答上",
  "a trainer stops here, or spreads one value over the batch": "训练器会在此停止，或把一个值用于整批",
  "when the groups stand in another order": "当各组顺序不同时",
  "when the same completions come in another order and in smaller batches": "当同样的回答以不同顺序、更小的批到来时",
  "{0} groups regain variance": "{0} 组恢复差异",
  "let . match line breaks (re.DOTALL)": "让 . 匹配换行（re.DOTALL）",
  "Let . match line breaks (re.DOTALL)": "让 . 匹配换行（re.DOTALL）",
  "let . match line breaks (flag s)": "让 . 匹配换行（标志 s）",
  "Let . match line breaks (flag s)": "让 . 匹配换行（标志 s）",
  "allow white space between tags": "允许标签之间的空白",
  "Allow white space between tags": "允许标签之间的空白",
  "ignore case": "忽略大小写",
  "Ignore case": "忽略大小写",
  "stop at the first closing tag (lazy repeats)": "在第一个结束标签处停止（懒惰重复）",
  "Stop at the first closing tag (lazy repeats)": "在第一个结束标签处停止（懒惰重复）",
  "match anywhere in the text": "在文本任意处匹配",
  "Match anywhere in the text": "在文本任意处匹配",
  "`.` does not match a line break, so an element with two lines is not seen": "`.` 不匹配换行，看不到两行的元素",
  "it allows no white space between neighbouring tags": "不允许相邻标签之间有空白",
  "a greedy repeat runs on to the last closing tag of the text": "贪婪的重复会一直到文本的最后一个结束标签",
  "it must reach the end of the text, where a special token or a line break may stand":
    "必须到达文本末尾，而那里可能有特殊 token 或换行",
  "it takes its tags in one letter case only": "只接受一种大小写的标签",
  "{0} earns {1} (the true answer {2})": "{0}得 {1}（正确答案得 {2}）",
  "{0} earns {1}, expected {2} (the true answer {3})": "{0}得 {1}，应{2}（正确答案得 {3}）",
  "{0} and {1} more": "{0}，另有 {1} 种",
  "{0} more": "另有 {0} 个",
  "{0}× {1} from line {2}": "{0} 次 {1}，来自第 {2} 行",
  "{0}× {1}": "{0} 次 {1}",
  "expected one value for each of {0} completions, got {1}": "{0} 个回答应各有一个值，得到 {1} 个",
  "expected a list of {0} values, got a value of type {1}": "应为 {0} 个值的列表，得到类型为 {1} 的值",
  "expected a finite number, got {0}": "应为有限的数字，得到 {0}",
  "expected a number or None, got {0}": "应为数字或 None，得到 {0}",
  "expected a number, null or skip(reason), got {0}": "应为数字、null 或 skip(reason)，得到 {0}",
  "expected a score from {0} to {1}, got {2}": "分数应从 {0} 到 {1}，得到 {2}",

  // ---- probes
  "the most": "为最高",
  anything: "任意",
  "at most {0}": "最多 {0}",
  "less than {0}": "小于 {0}",
  "more than a wrong answer": "多于错误的答案",
  "more than a wrong location": "多于错误的位置",
  "more than a wrong type": "多于错误的类型",
  "clearly below {0}": "明显低于 {0}",
  "as the true answer ({0})": "与正确答案相同（{0}）",
  "at least as much as with a wrong answer ({0})": "不少于错误答案时的 {0}",
  "at least as much as with a wrong location ({0})": "不少于错误位置时的 {0}",
  "at least as much as with a wrong type ({0})": "不少于错误类型时的 {0}",
  "not the full score in both orders": "两种顺序不都是满分",
  "a difference between nothing and the true answer": "空回答与正确答案之间有差别",
  "a reward that judges this": "评判此项的奖励",
  "a reward that judges this beside the verdict": "在判断之外评判此项的奖励",
  "a form that the reward accepts": "奖励接受的形式",
  "the true answer": "正确答案",
  "nothing at all": "什么也没有",
  "the true answer with the opposite verdict": "判断相反的正确答案",
  "the true answer without its verdict": "没有判断的正确答案",
  "the right form without content": "形式正确但无内容",
  "the true answer without reasoning": "没有推理的正确答案",
  "only tags, nothing inside": "只有标签，里面为空",
  "only the verdict yes": "只有判断“是”",
  "only the verdict no": "只有判断“否”",
  "both verdicts, one after the other": "先后给出两种判断",
  "both verdicts, the wrong one first": "两种判断，错误的在前",
  "the true answer twice": "正确答案写两次",
  "the verdict without any tags": "没有任何标签的判断",
  "ten times the reasoning": "十倍的推理",
  "line breaks between the elements": "元素之间换行",
  "line breaks inside the elements": "元素内部换行",
  "blanks around the verdict": "判断两侧有空格",
  "the verdict in the other letter case": "判断使用另一种大小写",
  "an end token behind it": "后面有结束 token",
  "a copy of the prompt": "照抄提示",
  "the true answer without a place": "没有位置的正确答案",
  "a place that is none": "不是位置的位置",
  "an empty place": "空的位置",
  "a wrong place": "错误的位置",
  "words that only contain the place ({0})": "只是包含位置的词（{0}）",
  "the true answer without a type": "没有类型的正确答案",
  "a full stop for a type": "以句号作为类型",
  "a wrong type": "错误的类型",
  "the type in other words ({0})": "用其他词表示的类型（{0}）",
  "another row's answer": "别的行的答案",
  "a list of many answers": "许多答案的列表",

  // ---- headings of findings
  "wrong number of values": "值的数量不对",
  "value is not a finite number": "值不是有限的数字",
  "arguments do not fit the data": "参数与数据不符",
  "an exception becomes a score": "异常变成了分数",
  "constant reward": "奖励恒定",
  "groups without a difference": "组内无差别",
  "one reward is used up first": "某个奖励先用尽",
  "one reward drives the total": "某个奖励主导总分",
  "different rewards, same advantage": "奖励不同而优势相同",
  "longer completions are paid more": "越长得分越多",
  "pattern hardly ever matches": "模式几乎从不匹配",
  "fragile pattern": "脆弱的模式",
  "pattern can take forever": "模式可能永不结束",
  "slow reward": "奖励太慢",
  "not deterministic": "不确定",
  "depends on the rest of the batch": "取决于批中的其他内容",
  "ground truth does not parse": "真值无法解析",
  "the true answer is not the best": "正确答案不是最好",
  "nonsense is paid": "胡说也得分",
  "reward and evaluation disagree": "奖励与评估不一致",
  "empty completions take part": "空回答参与训练",
  "cut-off completions count as wrong": "被截断的回答算作错误",
  "unequal ceilings": "上限不等",
  "prompt differs from the run's": "提示与训练的不同",
};
