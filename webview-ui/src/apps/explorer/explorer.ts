/**
 * The state of the explorer and what changes it: host messages are folded into `data`, answers into resources, choices of the person into
 * `view`. Templates read from here and call its methods; they hold nothing themselves.
 */
import type { RewardTrace, RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import {
  type AdvantageTable,
  type ExploreAnswer,
  type ExploredGroup,
  type ExploredRollout,
  type ExploreFilter,
  type ExploreQuery,
  type FacetName,
  noFilter,
  type WhatIfAnswer,
} from "@iad-r1/protocol/rollouts";
import { type ExplorerState, explorerPanel, type HostMessage, type OwnReward } from "@iad-r1/protocol/webview";
import { Connection } from "../../host/connection";
import { savedView, saveView } from "../../host/vscodeApi";
import type { TokenReader } from "../../components/tokenText";
import { Resource } from "../../state/resource";
import { GroupPages } from "./groupPages";
import { RolloutPictures } from "./pictures";
import { defaultQuery, defaultView, type ExplorerView, restoreView, type Section } from "./view";

type Change = Extract<HostMessage<typeof explorerPanel>, { kind: "change" }>;

/** So long nothing is asked for after a key was pressed. */
const typingMs = 150;

export class Explorer {
  data: ExplorerState | null = null;
  view: ExplorerView = defaultView();
  /** A fault of the program, shown instead of everything. */
  fault: string | null = null;
  /** The newest answer; it stays while the next one is on its way. */
  answer: ExploreAnswer | null = null;
  answerError: string | null = null;
  isAsking = false;
  readonly pages: GroupPages;
  readonly pictures: RolloutPictures;
  readonly group: Resource<ExploredGroup>;
  /** The same sample at another step, when they are compared. */
  readonly other: Resource<ExploredGroup>;
  readonly advantages: Resource<AdvantageTable>;
  readonly trace: Resource<RewardTrace>;
  readonly whatIf: Resource<WhatIfAnswer>;
  /** The edited text; null: as recorded. */
  edited: string | null = null;
  ownReward: OwnReward | null = null;
  /** The token of the completion that is looked at. */
  private token: number | null = null;
  /** A number that is being typed into the field of this name. */
  draft: { field: string; text: string } | null = null;
  /** In a narrow column the filters stand above everything else, and are shown when asked for; a wide page always shows them. */
  areFiltersShown = false;
  /** Row of the chosen group in the list; null when the filter keeps it out. */
  selectedRow: number | null = null;
  readonly connection: Connection<typeof explorerPanel>;
  /** Row that was gone to before its page was here. */
  private awaitedRow: number | null = null;
  private turn = 0;
  private shownTurn = -1;
  private typing = 0;

  constructor(
    private readonly render: () => void,
    private readonly onCommand: (name: string) => void,
    /** The chosen row should be in sight. */
    private readonly reveal: (row: number) => void,
  ) {
    this.pages = new GroupPages(
      (query, offset, limit) => this.connection.ask("groups/get", { query, offset, limit }),
      () => this.pageCame(),
    );
    this.pictures = new RolloutPictures(
      (step, group, kind) => this.connection.ask("picture/get", { step, group, kind }),
      render,
    );
    this.group = new Resource(() => this.groupChanged());
    this.other = new Resource(render);
    this.advantages = new Resource(render);
    this.trace = new Resource(render);
    this.whatIf = new Resource(render);
    this.connection = new Connection(explorerPanel, {
      onSnapshot: (state) => this.takeSnapshot(state),
      onChange: (change) => this.fold(change),
      onCommand: (name) => this.onCommand(name),
      onFault: (reason) => {
        this.fault = reason;
        render();
      },
    });
  }

  /** The completion on the right; null while none is chosen or here. */
  get rollout(): ExploredRollout | null {
    const { state } = this.group;
    return state.phase === "ready" ? (state.value.rollouts[this.view.place] ?? null) : null;
  }

  /** The completion in the same place at the other step, while two steps are compared. */
  get counterpart(): ExploredRollout | null {
    const { state } = this.other;
    return state.phase === "ready" ? (state.value.rollouts[this.view.place] ?? null) : null;
  }

  get isPinned(): boolean {
    const { rollout } = this;
    const pinned = this.data?.pinned ?? null;
    return rollout !== null && pinned !== null && isSame(pinned, rollout.key);
  }

  /** Which token of the completion is looked at. */
  get tokenReader(): TokenReader {
    return {
      at: this.token,
      choose: (index) => {
        if (index === this.token) return;
        this.token = index;
        this.render();
      },
    };
  }

  /** A reward's parts and probabilities are marked one at a time. */
  mark(marked: string | null): void {
    this.update({ marked, probabilities: false });
  }

  toggleProbabilities(): void {
    this.update({ probabilities: !this.view.probabilities, marked: null });
  }

  update(change: Partial<ExplorerView>): void {
    this.view = { ...this.view, ...change };
    saveView({ ...this.view, source: this.data?.source ?? savedView()?.source });
    this.render();
  }

  showFilters(areShown: boolean): void {
    this.areFiltersShown = areShown;
    this.render();
  }

  refresh(): void {
    this.render();
  }

  // ---- filters

  setQuery(change: Partial<ExploreQuery>): void {
    this.update({ query: { ...this.view.query, ...change } });
    void this.ask();
  }

  setFilter(change: Partial<ExploreFilter>): void {
    this.setQuery({ filter: { ...this.view.query.filter, ...change } });
  }

  setText(text: string): void {
    this.update({ query: { ...this.view.query, filter: { ...this.view.query.filter, text } } });
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => void this.ask(), typingMs);
  }

  toggleFacet(name: FacetName, value: string): void {
    const { facets } = this.view.query.filter;
    const chosen = facets[name] ?? [];
    const next = chosen.includes(value) ? chosen.filter((each) => each !== value) : [...chosen, value];
    this.setFilter({ facets: { ...facets, [name]: next } });
  }

  setRange(column: string, range: { min: number; max: number } | null): void {
    const others = this.view.query.filter.ranges.filter((each) => each.column !== column);
    this.setFilter({ ranges: range === null ? others : [...others, { column, ...range }] });
  }

  clearFilter(): void {
    this.setQuery({ filter: noFilter });
  }

  // ---- groups and completions

  /** By a number of rows, or to a row. */
  moveTo(row: number): void {
    const last = this.pages.numRows - 1;
    if (last < 0) return;
    const target = Math.min(last, Math.max(0, row));
    this.selectedRow = target;
    this.reveal(target);
    this.awaitedRow = target;
    this.pageCame();
  }

  private pageCame(): void {
    const group = this.awaitedRow === null ? null : this.pages.at(this.awaitedRow);
    if (group !== null) {
      this.awaitedRow = null;
      this.open({ step: group.step, group: group.group }, 0);
    }
    this.render();
  }

  moveBy(rows: number): void {
    this.moveTo(this.selectedRow === null ? 0 : this.selectedRow + rows);
  }

  moveCompletion(by: number): void {
    const { state } = this.group;
    if (state.phase !== "ready") return;
    this.choose(Math.min(state.value.rollouts.length - 1, Math.max(0, this.view.place + by)));
  }

  choose(place: number): void {
    if (place === this.view.place) return;
    this.edited = null;
    this.token = null;
    this.whatIf.reset();
    this.trace.reset();
    this.update({ place });
    this.fillSections();
  }

  open(group: { step: number | null; group: string }, place: number): void {
    this.edited = null;
    this.token = null;
    this.other.reset();
    this.whatIf.reset();
    this.trace.reset();
    this.advantages.reset();
    this.update({ group, place });
    this.group.load(() => this.connection.ask("group/get", { query: this.view.query, ...group }));
  }

  /** Shows a group wherever it stands in the list. */
  async find(key: RolloutKey): Promise<void> {
    this.open({ step: key.step, group: key.group }, key.index);
    await this.place();
  }

  /** Shows the same sample at the next recorded step, then at the one after it, then none. */
  compareNext(): void {
    const { state } = this.group;
    if (state.phase !== "ready") return;
    const { occurrences, row } = state.value;
    const shown = this.other.state.phase === "ready" ? this.other.state.value.row : null;
    const from = shown ?? row;
    const later = occurrences.filter(({ step }) => (step ?? -1) > (from.step ?? -1));
    const [next] = later.length > 0 ? later : shown === null ? occurrences : [];
    if (next === undefined) {
      this.other.reset();
      this.render();
    } else this.compareWith(next);
  }

  compareWith(group: { step: number | null; group: string }): void {
    this.update({ expanded: true });
    const { step, group: name } = group;
    this.other.load(() => this.connection.ask("group/get", { query: this.view.query, step, group: name }));
  }

  // ---- sections of one completion

  toggleSection(section: Section, open?: boolean): void {
    const isOpen = this.view.sections.includes(section);
    if (isOpen === open) return;
    const sections = isOpen ? this.view.sections.filter((each) => each !== section) : [...this.view.sections, section];
    this.update({ sections });
    this.fillSections();
  }

  edit(text: string): void {
    this.edited = text;
    this.render();
    window.clearTimeout(this.typing);
    this.typing = window.setTimeout(() => {
      this.loadWhatIf();
      if (this.view.sections.includes("why")) this.loadTrace();
    }, typingMs);
  }

  resetEdit(): void {
    this.edited = null;
    this.loadWhatIf();
    this.loadTrace();
    this.render();
  }

  chooseReward(reward: OwnReward | null): void {
    this.ownReward = reward;
    this.loadTrace();
    this.render();
  }

  /** The function that traces and debugging are about. */
  get currentReward(): OwnReward | null {
    const { functions = [] } = this.data ?? {};
    const { ownReward } = this;
    const chosen = functions.find(({ name, uri }) => name === ownReward?.name && uri === ownReward.uri);
    return chosen ?? this.decisive(functions) ?? null;
  }

  /** The reward that sets the completion apart from its group most, by its weight; the first of those that do so alike. */
  private decisive(functions: readonly OwnReward[]): OwnReward | undefined {
    const { rollout } = this;
    const rollouts = this.group.state.phase === "ready" ? this.group.state.value.rollouts : [];
    const pull = ({ name }: OwnReward): number => {
      const reward = this.data?.overview?.rewards.find((each) => each.name === name);
      if (reward === undefined) return -1;
      const score = rollout?.rewards[name] ?? null;
      if (score === null) return 0;
      const scores = rollouts.flatMap(({ rewards }) => rewards[name] ?? []);
      const mean = scores.reduce((sum, each) => sum + each, 0) / scores.length;
      return Math.abs((reward.weight ?? 1) * (score - mean));
    };
    const pulls = functions.map(pull);
    return functions[pulls.indexOf(Math.max(...pulls))];
  }

  loadTrace(): void {
    const { rollout, currentReward } = this;
    if (rollout === null || currentReward === null || this.data?.canRun !== true) return;
    const completion = this.edited;
    this.trace.load(() =>
      this.connection.ask("trace/get", { function: currentReward, rollout: rollout.key, completion }),
    );
  }

  private loadWhatIf(): void {
    const { rollout } = this;
    if (rollout === null) return;
    const completion = this.edited ?? rollout.completion;
    this.whatIf.load(() => this.connection.ask("whatIf/get", { rollout: rollout.key, completion }));
  }

  private fillSections(): void {
    const { rollout } = this;
    if (rollout === null) return;
    const { step, group } = rollout.key;
    const { sections } = this.view;
    if (sections.includes("advantages") && this.advantages.state.phase === "idle") {
      this.advantages.load(() => this.connection.ask("advantages/get", { step, group }));
    }
    if (sections.includes("whatIf") && this.whatIf.state.phase === "idle") this.loadWhatIf();
    if (sections.includes("why") && this.trace.state.phase === "idle") this.loadTrace();
  }

  private groupChanged(): void {
    const { state } = this.group;
    if (state.phase === "ready") {
      const last = state.value.rollouts.length - 1;
      if (this.view.place > last) this.update({ place: Math.max(0, last) });
      this.fillSections();
    }
    this.render();
  }

  // ---- host

  private takeSnapshot(state: ExplorerState): void {
    const isFirst = this.data === null;
    this.data = state;
    this.fault = null;
    if (isFirst) this.view = restoreView(savedView());
    this.pictures.forget();
    this.update({});
    this.takeWish();
  }

  private fold(change: Change): void {
    const { data } = this;
    if (data === null) return;
    switch (change.type) {
      case "source/changed":
        Object.assign(data, { source: change.body, overview: null, error: null, flips: null });
        this.forget();
        break;
      case "overview/changed":
        Object.assign(data, change.body);
        this.takeWish();
        break;
      case "wanted/changed":
        data.wanted = change.body;
        this.takeWish();
        break;
      case "pinned/changed":
        data.pinned = change.body;
        break;
      case "flips/changed":
        data.flips = change.body;
        void this.ask();
        break;
      case "functions/changed":
        Object.assign(data, change.body);
        if (this.view.sections.includes("why")) this.loadTrace();
        break;
    }
    this.render();
  }

  /** What was looked at, and what was asked, belongs to another source. */
  private forget(): void {
    this.turn++;
    this.answer = null;
    this.answerError = null;
    this.isAsking = false;
    this.selectedRow = null;
    this.edited = null;
    this.token = null;
    for (const each of [this.group, this.other, this.advantages, this.trace, this.whatIf]) each.reset();
    this.pictures.forget();
    this.update({ query: defaultQuery, group: null, place: 0 });
  }

  /** What a command or a link asked for comes once; afterwards the person looks where they like. */
  private takeWish(): void {
    const { wanted, overview } = this.data!;
    // It stays for when there is something to look at.
    if (overview === null) return;
    const isNew = wanted.turn !== this.shownTurn && wanted.turn > 0;
    this.shownTurn = wanted.turn;
    if (isNew && wanted.query !== null) this.update({ query: wanted.query });
    if (isNew && wanted.reward !== null) this.ownReward = wanted.reward;
    const { group, place } = this.view;
    if (isNew && wanted.rollout !== null) {
      this.open({ step: wanted.rollout.step, group: wanted.rollout.group }, wanted.rollout.index);
    } else if (group !== null && this.group.state.phase === "idle") this.open(group, place);
    void this.ask();
  }

  /** Asks the question of the view; an answer to an older one is dropped. */
  private async ask(): Promise<void> {
    if (this.data?.overview == null) return;
    const turn = ++this.turn;
    const { query } = this.view;
    this.isAsking = true;
    this.render();
    try {
      const answer = await this.connection.ask("query/get", query);
      if (turn !== this.turn) return;
      this.answer = answer;
      this.answerError = null;
      this.pages.open(query, answer.numGroups);
      this.awaitedRow = null;
      await this.place();
      if (this.view.group === null && answer.numGroups > 0) this.openFirst();
    } catch (error) {
      if (turn !== this.turn) return;
      this.answerError = error instanceof Error ? error.message : String(error);
    }
    this.isAsking = false;
    this.render();
  }

  private openFirst(): void {
    const { query } = this.view;
    void this.connection.ask("groups/get", { query, offset: 0, limit: 1 }).then(
      ({ rows: [first] }) => {
        if (first === undefined || this.view.group !== null) return;
        this.selectedRow = 0;
        this.open({ step: first.step, group: first.group }, 0);
      },
      () => undefined,
    );
  }

  private async place(): Promise<void> {
    const { group, query } = this.view;
    if (group === null || this.answer === null) return;
    const place = await this.connection.ask("place/get", { query, ...group });
    if (this.view.group !== group || this.awaitedRow !== null) return;
    this.selectedRow = place < 0 ? null : place;
    if (place >= 0) this.reveal(place);
    this.render();
  }

  /** Nothing is filtered and the order is that of recording. */
  get isPlain(): boolean {
    return JSON.stringify(this.view.query) === JSON.stringify(defaultQuery);
  }
}

function isSame(a: RolloutKey, b: RolloutKey): boolean {
  return a.step === b.step && a.group === b.group && a.index === b.index;
}
