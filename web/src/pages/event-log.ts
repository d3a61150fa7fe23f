import { get } from "../api/client";
import type { Connection } from "../api/follow";
import type { WorkflowEvent } from "../api/types";
import { count, counted, duration } from "../text/format";
import { localName } from "../text/iri";
import { button, h } from "../ui/dom";

/** More rows than anyone reads; older ones are let go and can be asked for again. */
const MOST = 600;
const STEP = 200;

/** The events of an execution, newest first, each with its number; what is older is read on request. */
export class EventLog {
  private readonly list = h("ol", { class: "events", reversed: true });
  private readonly link = h("span", { class: "connection" });
  private readonly earlier = button("Earlier events", () => void this.more(), { hidden: true });
  private first = Number.POSITIVE_INFINITY;
  private last = 0;
  readonly element = h("section", {}, h("h2", {}, "Events ", this.link), this.list, this.earlier);

  constructor(private readonly execution: string) {}

  add(events: WorkflowEvent[]): void {
    for (const event of events) {
      if (event.seq <= this.last) continue;
      this.list.prepend(line(event));
      this.last = event.seq;
      this.first = Math.min(this.first, event.seq);
    }
    while (this.list.children.length > MOST) {
      this.list.lastElementChild?.remove();
      this.first = Number(this.list.lastElementChild?.getAttribute("value") ?? this.first);
    }
    this.earlier.hidden = !(this.first > 1 && Number.isFinite(this.first));
  }

  connection(state: Connection, wait: number): void {
    this.link.dataset["connection"] = state;
    this.link.textContent = {
      connecting: "connecting …",
      live: "live",
      waiting: `the server is away; trying again in ${duration(Math.max(1, wait / 1000))}`,
      ended: "",
      refused: "not available",
    }[state];
  }

  private async more(): Promise<void> {
    const after = Math.max(0, this.first - 1 - STEP);
    const { items } = await get<{ items: WorkflowEvent[] }>(
      `/v1/executions/${encodeURIComponent(this.execution)}/events`,
      {
        after,
        limit: this.first - 1 - after,
      },
    );
    const older = items.filter((event) => event.seq < this.first).sort((one, other) => other.seq - one.seq);
    this.list.append(...older.map(line));
    this.first = after + 1;
    this.earlier.hidden = after === 0;
  }
}

function line(event: WorkflowEvent): HTMLElement {
  const time = new Date(event.created_at).toLocaleTimeString("en-GB");
  return h(
    "li",
    { value: event.seq, "data-type": event.type, "data-seq": event.seq },
    h("span", { class: "seq" }, count(event.seq)),
    h("time", { datetime: event.created_at }, time),
    h("span", { class: "type" }, event.type),
    h("span", { class: "what" }, what(event)),
  );
}

/** What an event is about, in a few words. */
function what({ type, payload }: WorkflowEvent): string {
  const text = (name: string): string | undefined =>
    typeof payload[name] === "string" ? (payload[name] as string) : undefined;
  const number = (name: string): number | undefined =>
    typeof payload[name] === "number" ? (payload[name] as number) : undefined;
  if (type.startsWith("stage.")) return `${payload.stage ?? ""} ${payload.done ?? 0} of ${payload.total ?? 0}`;
  if (type.endsWith(".found")) {
    const examples = Array.isArray(payload["examples"]) ? payload["examples"].map(String) : [];
    const named = [...new Set(type === "relation.found" ? examples.map(localName) : examples)];
    return `${count(number("count") ?? 0)}: ${named.join(", ")}`;
  }
  const reason = text("error") ?? text("reason") ?? text("message");
  const parts = [text("activity"), text("source"), reason].filter((part): part is string => Boolean(part));
  const took = number("duration_ms");
  if (took !== undefined && took >= 1000) parts.push(duration(took / 1000));
  if (type === "execution.completed" && number("entities") !== undefined) {
    parts.push(
      `${counted(number("entities") ?? 0, "entity", "entities")}, ${counted(number("relations") ?? 0, "relation")}`,
    );
  }
  return parts.join("  ");
}
