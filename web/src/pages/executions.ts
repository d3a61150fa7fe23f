import { get } from "../api/client";
import type { Execution, Page } from "../api/types";
import { isOver } from "../progress";
import { words } from "../text/format";
import { button, fill, h, table } from "../ui/dom";
import { failure, waiting } from "../ui/notice";
import { ExecutionRow } from "./execution-row";
import type { PageView } from "./page";

/** New executions, and those that are not followed, are looked for this often. */
const EVERY = 2500;
/** So many are followed event by event: a browser keeps six connections to a server, and other tabs want some. */
const FOLLOWED = 3;
const STATES = ["running", "pending", "suspended", "completed", "completed_with_errors", "failed", "cancelled"];

/** All executions, newest first; what runs is followed live. */
export function executionsPage(): PageView {
  const rows = new Map<string, ExecutionRow>();
  const stopping = new AbortController();
  const message = h("div", {}, waiting("Reading the list …"));
  const { table: list, body } = table("Executions, newest first", [
    "Document",
    "State",
    "Progress",
    "Time left",
    "#Tokens",
    "#Cost",
    "Begun",
    "",
  ]);
  list.classList.add("executions");
  list.hidden = true;
  const filter = h(
    "select",
    { id: "state", onchange: () => restart() },
    h("option", { value: "" }, "every state"),
    ...STATES.map((status) => h("option", { value: status }, words(status))),
  );
  const older = button("Older ones", () => void more(), { hidden: true });
  let next: string | null = null;
  let deep = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const place = (items: Execution[]): void => {
    for (const execution of items) {
      const row = rows.get(execution.id) ?? new ExecutionRow(execution, tidy);
      rows.set(execution.id, row);
      row.set(execution);
    }
    const wanted = [...rows.values()].sort(newestFirst);
    wanted.forEach((row, index) => {
      if (body.children[index] !== row.element) body.insertBefore(row.element, body.children[index] ?? null);
    });
    tidy();
  };

  const tidy = (): void => {
    let free = FOLLOWED;
    for (const row of [...rows.values()].sort(newestFirst)) {
      const live = row.execution.status === "running" || row.execution.status === "pending";
      row.follow(live && free-- > 0);
    }
    list.hidden = rows.size === 0;
    older.hidden = next === null;
  };

  const read = async (): Promise<void> => {
    clearTimeout(timer);
    try {
      if (!document.hidden) {
        const page = await get<Page<Execution>>("/v1/executions", { status: filter.value, limit: 50 }, stopping.signal);
        if (!deep) next = page.next;
        place(page.items);
        fill(message, rows.size === 0 ? empty(filter.value) : null);
      }
    } catch (error) {
      if (stopping.signal.aborted) return;
      fill(message, failure(error));
    }
    if (!stopping.signal.aborted) timer = setTimeout(() => void read(), EVERY);
  };

  const more = async (): Promise<void> => {
    try {
      const page = await get<Page<Execution>>(
        "/v1/executions",
        { status: filter.value, limit: 50, cursor: next },
        stopping.signal,
      );
      deep = true;
      next = page.next;
      place(page.items);
    } catch (error) {
      if (!stopping.signal.aborted) fill(message, failure(error));
    }
  };

  const clear = (): void => {
    for (const row of rows.values()) row.close();
    rows.clear();
    body.replaceChildren();
  };

  const restart = (): void => {
    clear();
    deep = false;
    void read();
  };

  void read();
  return {
    title: "Executions",
    element: h(
      "div",
      { class: "page" },
      h(
        "header",
        { class: "head" },
        h("h1", {}, "Executions"),
        h(
          "div",
          { class: "tools" },
          h("label", { for: "state" }, "Show"),
          filter,
          h("a", { class: "button", href: "#/new" }, "New extraction"),
        ),
      ),
      message,
      h("div", { class: "wide" }, list),
      older,
    ),
    close() {
      stopping.abort();
      clearTimeout(timer);
      clear();
    },
  };
}

function newestFirst(one: ExecutionRow, other: ExecutionRow): number {
  const [a, b] = [one.execution, other.execution];
  const running = Number(!isOver(b.status)) - Number(!isOver(a.status));
  return running || (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? -1 : 1);
}

function empty(status: string): HTMLElement {
  if (status) return h("p", { class: "quiet" }, `No execution is ${words(status)}.`);
  return h(
    "p",
    { class: "quiet" },
    "Nothing has been extracted yet. ",
    h("a", { href: "#/new" }, "Give a document and an ontology"),
    " to begin.",
  );
}
