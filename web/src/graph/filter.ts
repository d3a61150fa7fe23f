import type { GraphModel } from "./model";

/** What is to be seen of a graph. */
export interface Filter {
  /** Words that an entity's name holds. */
  search: string;
  /** Classes that are left out. */
  without: Set<string>;
  /** The least confidence, of entities and of relations. */
  confidence: number;
  /** The only nodes that may be shown, where only some neighbourhood is looked at. */
  within: Set<string> | null;
}

export function everything(): Filter {
  return { search: "", without: new Set(), confidence: 0, within: null };
}

/** Text as it is compared: without case, accents, and double spaces. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

/** The keys of the nodes that the filter lets through. The search is not asked: it marks, and does not hide. */
export function visible(model: GraphModel, filter: Filter): Set<string> {
  return new Set(
    model.graph.filterNodes(
      (key, { type, confidence }) =>
        confidence >= filter.confidence &&
        !filter.without.has(type) &&
        (filter.within === null || filter.within.has(key)),
    ),
  );
}

/** Those of the visible nodes whose name holds every word that is looked for, most connected first. */
export function found(model: GraphModel, filter: Filter, shown: Set<string>): string[] {
  const words = folded(filter.search).split(" ").filter(Boolean);
  const { graph } = model;
  const keys = [...shown].filter((key) => {
    const name = words.length ? folded(graph.getNodeAttribute(key, "label")) : "";
    return words.every((word) => name.includes(word));
  });
  return keys.sort(
    (one, other) =>
      graph.getNodeAttribute(other, "degree") - graph.getNodeAttribute(one, "degree") ||
      graph.getNodeAttribute(one, "label").localeCompare(graph.getNodeAttribute(other, "label")),
  );
}
