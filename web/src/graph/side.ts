import { count } from "../text/format";
import { localName } from "../text/iri";
import { button, fill, h } from "../ui/dom";
import type { Filter } from "./filter";
import type { GraphModel } from "./model";
import { colouring } from "./palette";

/** Rows that the list shows at once. */
const ROWS = 100;

/** Beside the graph: a search, the filters, and every entity as a button, so that all is reached without a mouse. */
export class Side {
  private readonly search = h("input", {
    type: "search",
    id: "search",
    placeholder: "Search entities  /",
    "aria-label": "Search entities",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => this.type(),
    onkeydown: (event: KeyboardEvent) => this.down(event),
  });
  private readonly classes = h("fieldset", { class: "classes" }, h("legend", {}, "Classes"));
  private readonly output = h("output", { for: "confidence" }, "0.00");
  private readonly confidence = h("input", {
    type: "range",
    id: "confidence",
    min: 0,
    max: 1,
    step: 0.05,
    value: 0,
    oninput: () => this.slide(),
  });
  private readonly sum = h("p", { class: "sum", "aria-live": "polite" });
  private readonly list = h("ul", { class: "entities", "aria-label": "Entities" });
  private readonly more = button("More entities", () => this.longer(), { class: "more", hidden: true });
  private keys: string[] = [];
  private rows = ROWS;
  private chosen: string | undefined;
  readonly element = h(
    "div",
    { class: "side" },
    h("div", { class: "search" }, this.search),
    h(
      "details",
      { class: "filters", open: true },
      h("summary", {}, "Filter"),
      this.classes,
      h(
        "div",
        { class: "confidence" },
        h("label", { for: "confidence" }, "Confidence from"),
        this.confidence,
        this.output,
      ),
    ),
    this.sum,
    this.list,
    this.more,
  );

  constructor(
    private readonly model: GraphModel,
    private readonly filter: Filter,
    private readonly changed: () => void,
    private readonly pick: (key: string) => void,
  ) {}

  /** Lists the classes, most frequent first, each with the colour that it has in the graph. */
  classesChanged(): void {
    const colours = colouring(this.model.types);
    const rows = [...this.model.types].sort((one, other) => other[1] - one[1]);
    const open = this.classes.querySelectorAll("label");
    if (open.length === rows.length && rows.length > 0) return;
    fill(
      this.classes,
      h("legend", {}, "Classes"),
      ...rows.map(([iri, number]) => {
        const box = h("input", {
          type: "checkbox",
          checked: !this.filter.without.has(iri),
          onchange: () => this.tick(iri, box.checked),
        });
        return h(
          "label",
          { title: iri },
          box,
          this.swatch(colours.get(iri)),
          h("span", { class: "class" }, iri ? localName(iri) : "no class"),
          h("span", { class: "figure" }, count(number)),
        );
      }),
    );
  }

  /** Lists these entities, and says how many of all they are. */
  show(keys: string[], sum: string): void {
    this.keys = keys;
    if (this.sum.textContent !== sum) this.sum.textContent = sum;
    this.render();
  }

  choose(key: string | undefined): void {
    this.chosen = key;
    for (const row of this.list.querySelectorAll("button")) this.mark(row);
  }

  /** Puts the focus back on the row of an entity, or on the search. */
  focus(key: string | undefined): void {
    const row = [...this.list.querySelectorAll("button")].find((button) => button.dataset["key"] === key);
    (row ?? this.search).focus();
  }

  private render(): void {
    const { graph } = this.model;
    const colours = colouring(this.model.types);
    const items = this.keys.slice(0, this.rows).map((key) => {
      const { label, type, degree, id } = graph.getNodeAttributes(key);
      const row = button("", () => this.pick(key), { "data-key": key, "data-entity": id });
      row.append(
        this.swatch(colours.get(type)),
        h("span", { class: "label" }, label),
        h("span", { class: "figure", title: "relations" }, degree ? count(degree) : ""),
      );
      this.mark(row);
      return h("li", {}, row);
    });
    fill(this.list, ...items);
    this.more.hidden = this.keys.length <= this.rows;
  }

  private mark(row: HTMLButtonElement): void {
    if (row.dataset["key"] === this.chosen) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }

  private longer(): void {
    const first = this.rows;
    this.rows += 400;
    this.render();
    this.list.children[first]?.querySelector("button")?.focus();
  }

  private swatch(index: number | undefined): HTMLElement {
    return h("span", { class: "swatch", "data-class": index ?? "none", "aria-hidden": "true" });
  }

  private type(): void {
    this.filter.search = this.search.value;
    this.rows = ROWS;
    this.changed();
  }

  /** The first entity that was found is one key away. */
  private down(event: KeyboardEvent): void {
    const first = this.keys[0];
    if (event.key === "Enter" && first) this.pick(first);
    else if (event.key === "ArrowDown") this.list.querySelector("button")?.focus();
    else if (event.key === "Escape" && this.search.value) {
      this.search.value = "";
      this.type();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  private tick(iri: string, wanted: boolean): void {
    if (wanted) this.filter.without.delete(iri);
    else this.filter.without.add(iri);
    this.changed();
  }

  private slide(): void {
    this.filter.confidence = Number(this.confidence.value);
    this.output.textContent = this.filter.confidence.toFixed(2);
    this.changed();
  }
}
