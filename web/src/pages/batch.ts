import { all, get } from "../api/client";
import type { BatchInfo, Execution } from "../api/types";
import { isOver } from "../progress";
import { href } from "../route";
import { count, fileName, words } from "../text/format";
import { fill, h, table } from "../ui/dom";
import { failure } from "../ui/notice";
import { Meter, state } from "../ui/state";

/** More documents than this are counted and not listed. */
const MOST = 1000;

interface Row {
  element: HTMLTableRowElement;
  status: HTMLElement;
  meter: Meter;
}

/** The documents of a batch, each an execution of its own, and how far they are. */
export class Batch {
  private readonly sums = h("p", { class: "quiet" });
  private readonly unlisted = h("div");
  private readonly list = table("Documents of this batch", ["Document", "State", "Progress"]);
  private readonly rows = new Map<string, Row>();
  readonly element = h(
    "section",
    { hidden: true },
    h("h2", {}, "Documents"),
    this.sums,
    this.list.table,
    this.unlisted,
  );

  constructor(private readonly id: string) {}

  /** Reads how they stand; answers with how far they are together, in percent. */
  async refresh(): Promise<number> {
    this.element.hidden = false;
    try {
      const info = await get<BatchInfo>(`/v1/batches/${encodeURIComponent(this.id)}`);
      const own = (await all<Execution>("/v1/executions", { parent: this.id, limit: 500 }, MOST)).reverse();
      for (const execution of own) this.show(execution);
      const total = info.total ?? info.listed;
      this.sums.textContent = Object.entries(info.counts)
        .filter(([, number]) => number > 0)
        .map(([name, number]) => `${count(number)} ${words(name)}`)
        .join(", ");
      const elsewhere = info.unwell.filter(({ execution_id }) => execution_id === null || !this.rows.has(execution_id));
      fill(
        this.unlisted,
        ...elsewhere.map(({ source, error }) =>
          h("p", { class: "failure" }, `${fileName(source)}: ${error ?? "failed"}`),
        ),
      );
      const done = own.reduce((sum, { status, percent }) => sum + (isOver(status) ? 100 : percent), 0);
      return total === 0 ? 0 : Math.min(99, done / total);
    } catch (error) {
      fill(this.unlisted, failure(error));
      return 0;
    }
  }

  private show(execution: Execution): void {
    const row = this.rows.get(execution.id) ?? this.add(execution);
    fill(row.status, state(execution.status));
    row.meter.set(execution.percent, execution.status);
  }

  private add(execution: Execution): Row {
    const name = fileName(execution.source) || execution.id;
    const meter = new Meter(`Progress of ${name}`);
    const status = h("td");
    const link = h("a", { href: href({ page: "execution", id: execution.id }), title: execution.source ?? "" }, name);
    const row = { element: h("tr", {}, h("td", {}, link), status, h("td", {}, meter.element)), status, meter };
    this.rows.set(execution.id, row);
    this.list.body.append(row.element);
    return row;
  }
}
