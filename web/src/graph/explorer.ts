import { get } from "../api/client";
import type { ExecutionDetail } from "../api/types";
import { href, type Route } from "../route";
import { count, counted, fileName } from "../text/format";
import { localName } from "../text/iri";
import { button, fill, h } from "../ui/dom";
import { failure, sentence, waiting } from "../ui/notice";
import { Canvas } from "./canvas";
import { entityDetails, relationDetails, type Places } from "./details";
import { everything, found, visible } from "./filter";
import { keep, kept } from "./kept";
import { Layout } from "./layout";
import { GraphModel, keyOf } from "./model";
import { Panel } from "./panel";
import { Side } from "./side";

type GraphRoute = Extract<Route, { page: "graph" }>;

/** In a graph with no more nodes than this, everything can be seen at once. */
const ROOMY = 300;

/** The graph: drawn in the middle, listed on one side, told about on the other. */
export class Explorer {
  private readonly model: GraphModel;
  private readonly filter = everything();
  private readonly side: Side;
  private readonly panel = new Panel(() => this.unchoose());
  private readonly place = h("div", { class: "canvas", "aria-hidden": "true" });
  private readonly message = h("div", { class: "over" }, waiting("Reading the graph …"));
  private readonly run = button("Lay out", () => (this.layout?.running ? this.layout.stop() : this.layout?.start()));
  private readonly whole = button("Show everything", () => this.within(null), { hidden: true });
  private readonly title = h("h1", {}, "Graph");
  private readonly stopping = new AbortController();
  private readonly places: Places;
  private canvas: Canvas | undefined;
  private layout: Layout | undefined;
  private chosen: string | undefined;
  private asking: ReturnType<typeof setTimeout> | undefined;
  readonly element: HTMLElement;

  constructor(private readonly route: GraphRoute) {
    this.model = kept(route.id) ?? new GraphModel(route.id);
    this.side = new Side(
      this.model,
      this.filter,
      () => this.filtered(),
      (key) => this.find(key),
    );
    this.places = {
      entity: (execution, id) => this.entity(keyOf(execution, id), true),
      relation: (execution, id) => this.relation(execution, id, true),
    };
    const tools = h(
      "div",
      { class: "graph-tools" },
      this.whole,
      this.run,
      button("Fit", () => this.canvas?.fit()),
      button("+", () => this.canvas?.zoom(0.7), { "aria-label": "Zoom in" }),
      button("−", () => this.canvas?.zoom(1 / 0.7), { "aria-label": "Zoom out" }),
    );
    const left = h("div", { class: "aside" }, h("header", {}, this.title), this.side.element);
    this.element = h(
      "div",
      { class: "explorer" },
      left,
      h("div", { class: "stage" }, this.place, tools, this.message),
      this.panel.element,
    );
    void this.load();
  }

  /** Goes to what another address of the same graph names. */
  go(route: GraphRoute): boolean {
    const execution = route.within ?? route.id;
    if (route.relation && execution) this.relation(execution, route.relation, false);
    else if (route.entity && execution) this.entity(keyOf(execution, route.entity), false);
    else this.panel.close();
    return true;
  }

  escape(): boolean {
    const key = this.chosen;
    if (!this.panel.close()) return false;
    this.side.focus(key);
    return true;
  }

  close(): void {
    this.stopping.abort();
    clearTimeout(this.asking);
    this.layout?.kill();
    this.canvas?.kill();
    keep(this.model);
  }

  private async load(): Promise<void> {
    const { signal } = this.stopping;
    try {
      await this.name();
      if (this.model.graph.order === 0) await this.model.load(signal);
      if (signal.aborted) return;
      fill(
        this.message,
        this.model.graph.order === 0 ? h("p", { class: "quiet" }, "There is no entity here yet.") : null,
      );
      this.side.classesChanged();
      this.draw();
      this.filtered();
      this.go(this.route);
    } catch (error) {
      if (!signal.aborted) fill(this.message, failure(error));
    }
  }

  /** Shows whose graph it is. One that is kept is read anew when something has happened to its execution since. */
  private async name(): Promise<void> {
    if (this.route.id === null) return;
    const { source, last_seq } = await get<ExecutionDetail>(
      `/v1/executions/${encodeURIComponent(this.route.id)}`,
      {},
      this.stopping.signal,
    );
    if (last_seq !== this.model.seq) this.model.clear();
    this.model.seq = last_seq;
    fill(
      this.title,
      h("a", { href: href({ page: "execution", id: this.route.id }), title: source }, fileName(source) || "Graph"),
    );
  }

  private draw(): void {
    if (this.model.graph.order === 0) return;
    try {
      this.canvas = new Canvas(this.model, this.place, {
        onNode: (key) => this.entity(key, false),
        onEdge: (key) => {
          const { execution, id } = this.model.graph.getEdgeAttributes(key);
          this.relation(execution, id, false);
        },
        onNothing: () => this.panel.close(),
      });
      this.layout = new Layout(this.model, () => this.laying());
      if (!this.model.laidOut) this.layout.start();
    } catch (error) {
      fill(
        this.message,
        h(
          "p",
          { class: "quiet" },
          `The graph cannot be drawn here (${sentence(error)}). The list beside it has everything.`,
        ),
      );
    }
  }

  private laying(): void {
    const running = this.layout?.running ?? false;
    this.run.textContent = running ? "Stop" : "Lay out";
    this.place.dataset["layout"] = running ? "running" : "still";
  }

  /** Shows what the filter lets through, and lists what of it is looked for. */
  private filtered(): void {
    const shown = visible(this.model, this.filter);
    this.canvas?.show(shown, this.filter.confidence);
    const keys = found(this.model, this.filter, shown);
    const { entities, relations } = this.model.total;
    const rest = this.model.truncated ? ` (${count(this.model.graph.order)} loaded)` : "";
    this.side.show(
      keys,
      `${count(keys.length)} of ${counted(entities, "entity", "entities")}, ${counted(relations, "relation")}${rest}`,
    );
    this.whole.hidden = this.filter.within === null;
    clearTimeout(this.asking);
    if (this.model.truncated && this.filter.search.trim()) this.asking = setTimeout(() => void this.ask(), 250);
  }

  /** Looks on the server for what is not loaded here. */
  private async ask(): Promise<void> {
    const { search, confidence } = this.filter;
    const more = await this.model.search(search, confidence, this.stopping.signal).catch(() => false);
    if (more && this.filter.search === search) this.filtered();
  }

  /** Tells about an entity that was picked by its name, and goes where it is. */
  private find(key: string): void {
    this.entity(key, true);
    if (this.model.graph.order > ROOMY) this.canvas?.fit([key, ...this.model.graph.neighbors(key)]);
  }

  private entity(key: string, focus: boolean): void {
    if (!this.model.graph.hasNode(key)) {
      const [execution = "", id = ""] = key.split(" ");
      void this.panel.open("Entity", () => entityDetails(execution, id, this.places), focus);
      return;
    }
    const { execution, id, label } = this.model.graph.getNodeAttributes(key);
    this.choose({ node: key }, { entity: id, relation: null, within: execution });
    const only = button("Only its neighbours", () => this.within(key), { class: "quiet-button" });
    const expand = button("Expand neighbours", () => void this.expand(key), { class: "quiet-button" });
    void this.panel.open(
      label,
      async () => [
        h("div", { class: "panel-tools" }, expand, only),
        ...(await entityDetails(execution, id, this.places)),
      ],
      focus,
    );
  }

  private relation(execution: string, id: string, focus: boolean): void {
    const key = keyOf(execution, id);
    const { graph } = this.model;
    this.choose({ edge: key }, { entity: null, relation: id, within: execution });
    const title = graph.hasEdge(key) ? localName(graph.getEdgeAttribute(key, "predicate")) : "Relation";
    void this.panel.open(title, () => relationDetails(execution, id, this.places), focus);
  }

  private choose(
    what: { node?: string; edge?: string },
    where: Pick<GraphRoute, "entity" | "relation" | "within">,
  ): void {
    this.chosen = what.node ?? this.chosen;
    this.canvas?.choose(what);
    this.side.choose(what.node);
    const within = this.route.id === null ? where.within : null;
    history.replaceState(null, "", href({ page: "graph", id: this.route.id, ...where, within }));
  }

  private unchoose(): void {
    this.choose({}, { entity: null, relation: null, within: null });
  }

  private async expand(key: string): Promise<void> {
    const before = this.model.graph.order;
    try {
      const around = await this.model.expand(key);
      if (this.filter.within) for (const neighbour of around) this.filter.within.add(neighbour);
      this.side.classesChanged();
      this.canvas?.recolour();
      this.filtered();
      this.canvas?.choose({ node: key });
      if (this.model.graph.order > before) this.layout?.start();
      this.canvas?.fit(this.filter.within ? undefined : [key, ...around]);
    } catch (error) {
      fill(this.message, failure(error));
    }
  }

  /** Shows an entity with its neighbours only, or everything again. */
  private within(key: string | null): void {
    this.filter.within = key === null ? null : new Set([key, ...this.model.graph.neighbors(key)]);
    this.filtered();
    this.canvas?.fit();
  }
}
