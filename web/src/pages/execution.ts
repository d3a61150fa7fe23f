import { watch } from "../api/watch";
import type { ExecutionDetail } from "../api/types";
import { isOver, reach, secondsLeft, type Progress } from "../progress";
import { graphOf, href } from "../route";
import { count, counted, dollars, duration, fileName, moment, words } from "../text/format";
import { Actions } from "../ui/actions";
import { facts, fill, h, table } from "../ui/dom";
import { missingTable } from "../ui/missing";
import { announce, failure, waiting } from "../ui/notice";
import { Meter, state } from "../ui/state";
import { Batch } from "./batch";
import { Budget } from "./budget";
import { downloads } from "./downloads";
import { EventLog } from "./event-log";
import type { PageView } from "./page";
import { stageTable } from "./stages";

/** So many of the events that were there before are shown at once; older ones on request. */
const TAIL = 200;

/** One execution: stages, events, what is missing, what was rejected, results. */
export function executionPage(id: string): PageView {
  const title = h("h1", {}, id);
  const status = h("span");
  const left = h("span", { class: "left" });
  const meter = new Meter("Progress");
  const budget = new Budget();
  const top = h("div", {}, waiting("Reading the execution …"));
  const body = h("div", { class: "columns", hidden: true });
  const [main, side] = [h("div", {}), h("div", {})];
  body.append(main, side);
  const stages = h("section");
  const missing = h("section");
  const batch = new Batch(id);
  const log = new EventLog(id);
  main.append(stages, missing, batch.element, log.element);
  const actions = new Actions(
    "this execution",
    () => watcher.refresh(),
    () => budget.given(),
  );
  let shown: ExecutionDetail | undefined;

  const advance = (progress: Progress): void => {
    fill(status, state(progress.status));
    meter.set(progress.percent, progress.status);
    const seconds = secondsLeft(progress, Date.now());
    left.textContent = seconds === null ? "" : `${duration(seconds)} left`;
    actions.set({ id, status: progress.status });
  };

  const take = (detail: ExecutionDetail, progress: Progress): void => {
    if (shown && shown.status !== detail.status) announce(`The execution is ${words(detail.status)}`);
    shown = detail;
    body.hidden = false;
    title.textContent = fileName(detail.source) || detail.id;
    title.title = detail.source ?? "";
    advance(progress);
    budget.set(detail);
    fill(
      top,
      detail.error ? h("p", { class: "failure" }, detail.error) : null,
      detail.waiting_for ? h("p", { class: "note" }, `Waits for ${detail.waiting_for}.`) : null,
      budget.element,
    );
    fill(stages, h("h2", {}, "Stages"), stageTable(detail, progress));
    fill(missing, ...(detail.missing.length ? [h("h2", {}, "Missing"), missingTable(detail.missing)] : []));
    fill(side, overview(detail, progress), rejected(detail.rejected), downloads(detail));
    if (detail.type === "batch_extraction") {
      void batch.refresh().then((percent) => {
        if (!isOver(progress.status)) reach(progress, percent, Date.now());
        advance(progress);
      });
    }
  };

  const watcher = watch(id, {
    tail: TAIL,
    onDetail: take,
    onProgress(progress, events) {
      advance(progress);
      log.add(events);
      if (shown) fill(stages, h("h2", {}, "Stages"), stageTable(shown, progress));
    },
    onConnection: (connection, wait) => log.connection(connection, wait),
    onFailure: (error) => fill(top, failure(error)),
  });

  return {
    title: "Execution",
    element: h(
      "div",
      { class: "page" },
      h(
        "header",
        { class: "head" },
        h("div", { class: "title" }, title, status),
        h("div", { class: "tools" }, actions.element, h("a", { class: "button", href: href(graphOf(id)) }, "Graph")),
      ),
      h("div", { class: "progress-line" }, meter.element, left),
      top,
      body,
    ),
    close: () => watcher.stop(),
  };
}

function overview(detail: ExecutionDetail, progress: Progress): HTMLElement {
  const { usage } = detail;
  const end = detail.completed_at ?? (isOver(detail.status) ? detail.updated_at : null);
  const took = detail.started_at && end ? (Date.parse(end) - Date.parse(detail.started_at)) / 1000 : null;
  return h(
    "section",
    {},
    h("h2", {}, "Overview"),
    facts(
      [
        "Document",
        detail.document
          ? h(
              "a",
              { href: href({ page: "document", id: detail.document, start: null, end: null }) },
              fileName(detail.source),
            )
          : null,
      ],
      [
        "Part of",
        detail.parent_id ? h("a", { href: href({ page: "execution", id: detail.parent_id }) }, "a batch") : null,
      ],
      ["Model", detail.model],
      ["Strategy", detail.strategy],
      ["On failure", detail.on_missing === "skip" ? "go on without it" : detail.on_missing === "fail" ? "fail" : null],
      ["Calls", count(usage.calls)],
      ["Tokens", progress.tokens ? `${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out` : "0"],
      ["Cost", dollars(Math.max(usage.cost_usd, progress.cost))],
      ["Limit", limit(detail)],
      ["Begun", moment(detail.started_at ?? detail.created_at)],
      ["Took", took === null ? null : duration(took)],
      [
        "Ontology",
        detail.ontology ? h("span", { class: "code", title: detail.ontology }, detail.ontology.slice(0, 12)) : null,
      ],
      ["Id", h("span", { class: "code" }, detail.id)],
    ),
  );
}

function limit(detail: ExecutionDetail): string | null {
  const parts = [
    detail.max_tokens === null ? null : counted(detail.max_tokens, "token"),
    detail.max_cost_usd === null ? null : dollars(detail.max_cost_usd),
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : null;
}

function rejected(reasons: Record<string, number>): HTMLElement | null {
  const entries = Object.entries(reasons).sort((one, other) => other[1] - one[1]);
  if (entries.length === 0) return null;
  const { table: list, body } = table("Rejected answers by reason", ["Reason", "#Count"]);
  for (const [reason, times] of entries) {
    body.append(h("tr", {}, h("td", {}, words(reason)), h("td", { class: "figure" }, count(times))));
  }
  return h("section", {}, h("h2", {}, "Rejected"), list);
}
