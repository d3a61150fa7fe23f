import { get } from "../api/client";
import { isEntity, type EntityDetail, type Execution, type Page, type Relation } from "../api/types";
import { href } from "../route";
import { count, counted, fileName } from "../text/format";
import { button, facts, h, type Child } from "../ui/dom";
import { linked, named } from "../ui/iri";
import { quote, quotes } from "./evidence";

const MOST = 200;

export interface Places {
  entity(execution: string, id: string): void;
  relation(execution: string, id: string): void;
}

/** An entity: its classes and names, its attributes and relations, and every place where it is mentioned. */
export async function entityDetails(execution: string, id: string, go: Places): Promise<Child[]> {
  const [entity, relations] = await Promise.all([
    get<EntityDetail>(`/v1/graph/entities/${encodeURIComponent(id)}`, { execution }),
    get<Page<Relation>>("/v1/graph/relations", { execution, entity: id, limit: MOST }),
  ]);
  const outgoing = relations.items.filter(({ subject }) => subject.id === id);
  const incoming = relations.items.filter(({ subject }) => subject.id !== id);
  return [
    facts(
      ["Class", entity.types.length ? h("span", {}, ...list(entity.types.map(linked))) : null],
      ["Also called", entity.aliases.filter((alias) => alias !== entity.label).join(", ")],
      ["Confidence", figure(entity.confidence)],
      ["From", whence(execution)],
    ),
    ...section(
      "Attributes",
      entity.attributes.map(({ predicate, value, evidence }) =>
        h("div", { class: "attribute" }, named(predicate), ` ${value}`, quotes(evidence, 1, true)),
      ),
    ),
    ...section(
      "Relations",
      outgoing.map((relation) => relationRow(relation, "out", go)),
    ),
    ...section(
      "Relations to it",
      incoming.map((relation) => relationRow(relation, "in", go)),
    ),
    relations.next ? h("p", { class: "quiet" }, `The first ${count(MOST)} relations are shown.`) : null,
    ...(entity.places.length
      ? [h("h3", {}, counted(entity.places.length, "mention")), quotes(entity.places, 5, true)]
      : []),
  ];
}

/** A relation: both ends, and the sentences that say so. */
export async function relationDetails(execution: string, id: string, go: Places): Promise<Child[]> {
  const relation = await get<Relation>(`/v1/graph/relations/${encodeURIComponent(id)}`, { execution });
  const { subject, object, predicate, confidence, flags, evidence } = relation;
  const other = isEntity(object)
    ? button(object.label, () => go.entity(execution, object.id), { class: "end" })
    : h("span", { class: "value" }, object.value);
  return [
    h(
      "p",
      { class: "triple" },
      button(subject.label, () => go.entity(execution, subject.id), { class: "end" }),
      h("span", { class: "predicate" }, linked(predicate)),
      other,
    ),
    facts(
      ["Confidence", figure(confidence)],
      ["Flags", flags.join(", ")],
      ["Datatype", isEntity(object) ? null : named(object.datatype)],
    ),
    h("h3", {}, "Evidence"),
    h("ul", { class: "quotes" }, ...evidence.map((span) => h("li", {}, quote(span)))),
  ];
}

/** A relation in the list of an entity: its predicate and its other end. */
function relationRow(relation: Relation, direction: "in" | "out", go: Places): HTMLElement {
  const { subject, object, predicate, execution_id: execution, id } = relation;
  const other = direction === "in" ? subject.label : isEntity(object) ? object.label : object.value;
  const row = button("", () => go.relation(execution, id), { class: "relation", "data-relation": id });
  row.append(
    ...(direction === "out"
      ? [named(predicate), h("span", { class: "other" }, other)]
      : [h("span", { class: "other" }, other), named(predicate)]),
  );
  return row;
}

/** The execution that something was found by, named by its document as soon as that is known. */
function whence(execution: string): HTMLElement {
  const link = h("a", { href: href({ page: "execution", id: execution }), title: execution }, "an execution");
  get<Execution>(`/v1/executions/${encodeURIComponent(execution)}`).then(
    ({ source }) => {
      link.textContent = fileName(source) || execution;
    },
    () => undefined,
  );
  return link;
}

function section(title: string, items: HTMLElement[]): Child[] {
  if (items.length === 0) return [];
  return [h("h3", {}, title), h("ul", { class: "rows" }, ...items.map((item) => h("li", {}, item)))];
}

function list(items: HTMLElement[]): Child[] {
  return items.flatMap((item, index) => (index ? [", ", item] : [item]));
}

function figure(confidence: number): string {
  return confidence.toFixed(2);
}
