import { get } from "../api/client";
import { watch, type Watcher } from "../api/watch";
import type { Execution, ExecutionDetail } from "../api/types";
import { isOver, secondsLeft, type Progress } from "../progress";
import { graphOf, href } from "../route";
import { count, dollars, duration, fileName, moment, percent, words } from "../text/format";
import { Actions } from "../ui/actions";
import { fill, h } from "../ui/dom";
import { missingLine } from "../ui/missing";
import { announce } from "../ui/notice";
import { Meter, state } from "../ui/state";

/** So many of the latest events are read again to know the rate. */
const TAIL = 60;

/** One execution in the list. */
export class ExecutionRow {
  private readonly status = h("td");
  private readonly left = h("td", { class: "left" });
  private readonly tokens = h("td", { class: "figure" });
  private readonly cost = h("td", { class: "figure" });
  private readonly note = h("div", { class: "note" });
  private readonly meter: Meter;
  private readonly actions: Actions;
  private watcher: Watcher | undefined;
  private asked = "";
  private told = -1;
  readonly element: HTMLTableRowElement;

  constructor(
    public execution: Execution,
    private readonly changed: () => void,
  ) {
    const name = fileName(execution.source) || execution.id;
    this.meter = new Meter(`Progress of ${name}`);
    this.actions = new Actions(name, (after) => {
      this.set(after);
      this.watcher?.refresh();
      this.changed();
    });
    this.element = h(
      "tr",
      { "data-execution": execution.id },
      h(
        "td",
        { class: "name" },
        h("a", { href: href({ page: "execution", id: execution.id }), title: execution.source ?? execution.id }, name),
        execution.type === "batch_extraction" ? h("span", { class: "tag" }, "batch") : null,
        h("span", { class: "model" }, execution.model ?? ""),
        this.note,
      ),
      this.status,
      h("td", {}, this.meter.element),
      this.left,
      this.tokens,
      this.cost,
      h("td", { class: "when", title: execution.created_at }, moment(execution.created_at)),
      h("td", {}, h("div", { class: "row-end" }, this.actions.element, this.graphLink())),
    );
    this.set(execution);
  }

  /** Takes what the list says, unless the events know better already. */
  set(execution: Execution): void {
    if (this.watcher && execution.status === this.execution.status) return;
    this.execution = execution;
    this.show(
      { status: execution.status, percent: execution.percent, tokens: execution.tokens, cost: execution.cost_usd },
      null,
    );
    this.explain();
  }

  /** Begins or ends reading this execution's events as they happen. */
  follow(wanted: boolean): void {
    if (wanted && !this.watcher) {
      this.watcher = watch(this.execution.id, {
        tail: TAIL,
        onDetail: (detail, progress) => this.take(detail, progress),
        onProgress: (progress) => this.advance(progress),
        onFailure: () => undefined,
      });
    } else if (!wanted && this.watcher && isOver(this.execution.status)) this.close();
  }

  close(): void {
    this.watcher?.stop();
    this.watcher = undefined;
  }

  private take(detail: ExecutionDetail, progress: Progress): void {
    const over = isOver(detail.status) && !isOver(this.execution.status);
    this.execution = detail;
    this.show(progress, secondsLeft(progress, Date.now()));
    fill(this.note, note(detail));
    if (over) {
      announce(`${fileName(detail.source)}: ${words(detail.status)}`);
      this.changed();
    }
  }

  private advance(progress: Progress): void {
    this.show(progress, secondsLeft(progress, Date.now()));
    const tenth = Math.floor(progress.percent / 10);
    if (tenth > this.told) announce(`${fileName(this.execution.source)}: ${percent(progress.percent)}`);
    this.told = tenth;
  }

  private show(now: Pick<Progress, "status" | "percent" | "tokens" | "cost">, left: number | null): void {
    fill(this.status, state(now.status));
    this.meter.set(now.percent, now.status);
    this.left.textContent = left === null ? "" : duration(left);
    this.tokens.textContent = now.tokens ? count(now.tokens) : "";
    this.cost.textContent = now.cost ? dollars(now.cost) : "";
    this.actions.set({ id: this.execution.id, status: now.status });
  }

  /** What is missing stands in the overview only, so it is asked for once for every state worth it. */
  private explain(): void {
    const { status, id, updated_at } = this.execution;
    if (status !== "failed" && status !== "completed_with_errors" && status !== "suspended") {
      fill(this.note);
      return;
    }
    if (this.asked === updated_at) return;
    this.asked = updated_at;
    get<ExecutionDetail>(`/v1/executions/${encodeURIComponent(id)}`).then(
      (detail) => fill(this.note, note(detail)),
      () => fill(this.note, note({ ...this.execution, missing: [] })),
    );
  }

  private graphLink(): HTMLElement {
    return h("a", { class: "button", href: href(graphOf(this.execution.id)), "aria-label": "Graph" }, "Graph");
  }
}

function note(detail: Pick<ExecutionDetail, "status" | "error" | "waiting_for" | "missing">): HTMLElement | null {
  if (detail.missing.length > 0) return h("p", { class: "failure" }, missingLine(detail.missing));
  if (detail.error && detail.status !== "completed") return h("p", { class: "failure" }, detail.error);
  return detail.waiting_for ? h("p", {}, `Waits for ${detail.waiting_for}.`) : null;
}
