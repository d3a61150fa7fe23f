import type { ExecutionDetail } from "../api/types";
import type { Progress } from "../progress";
import { count, words } from "../text/format";
import { h, table } from "../ui/dom";

/** The stages in the order in which a piece of text goes through them; others follow by name. */
const ORDER = ["chunk", "mentions", "entities", "relations", "joint", "assemble", "resolve"];

/** What stands in the journal for every stage, and how far each is where events say so. */
export function stageTable(detail: ExecutionDetail, progress: Progress): HTMLElement {
  const names = [...new Set([...Object.keys(detail.stages), ...progress.stages.keys()])].sort(byOrder);
  if (names.length === 0) return h("p", { class: "quiet" }, "No stage has begun.");
  const { table: list, body } = table("Stages", ["Stage", "Done", "#Completed", "#Running", "#Failed", "#Other"]);
  for (const name of names) {
    const statuses = detail.stages[name] ?? {};
    const { completed = 0, running = 0, failed = 0, ...others } = statuses;
    const other = Object.entries(others).filter(([, number]) => number > 0);
    const all = completed + running + failed + other.reduce((sum, [, number]) => sum + number, 0);
    const told = progress.stages.get(name);
    const [done, total] = told ? [told.done, told.total] : [completed, all];
    body.append(
      h(
        "tr",
        { "data-stage": name },
        h("th", { scope: "row" }, words(name)),
        h(
          "td",
          {},
          h("progress", { max: Math.max(1, total), value: done, "aria-label": `${words(name)}: ${done} of ${total}` }),
        ),
        figure(completed),
        figure(running),
        figure(failed),
        h("td", { class: "figure" }, other.map(([status, number]) => `${count(number)} ${status}`).join(", ")),
      ),
    );
  }
  return list;
}

function figure(value: number): HTMLElement {
  return h("td", { class: "figure" }, value ? count(value) : "");
}

function byOrder(one: string, other: string): number {
  const [a, b] = [ORDER.indexOf(one), ORDER.indexOf(other)];
  if (a >= 0 && b >= 0) return a - b;
  return a >= 0 ? -1 : b >= 0 ? 1 : one < other ? -1 : 1;
}
