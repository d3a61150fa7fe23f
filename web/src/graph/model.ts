import { MultiDirectedGraph } from "graphology";
import { get } from "../api/client";
import { isEntity, type EntitySummary, type Neighbour, type Page, type Relation, type WholeGraph } from "../api/types";

export interface NodeAttributes {
  execution: string;
  id: string;
  label: string;
  type: string;
  confidence: number;
  degree: number;
  size: number;
  x: number;
  y: number;
}

export interface EdgeAttributes {
  execution: string;
  id: string;
  predicate: string;
  confidence: number;
}

/** The same entity may stand in several executions, so a key names both. */
export function keyOf(execution: string, id: string): string {
  return `${execution} ${id}`;
}

/** Nodes that a browser lays out and draws smoothly. */
const MOST = 10_000;
const STEP = 100;

/** What is known of a graph so far, and where each node stands. It grows when neighbours are asked for. */
export class GraphModel {
  readonly graph = new MultiDirectedGraph<NodeAttributes, EdgeAttributes>();
  readonly types = new Map<string, number>();
  total = { entities: 0, relations: 0 };
  truncated = false;
  /** Whether the positions are those of a layout that came to an end. */
  laidOut = false;
  /** How many events its execution had when it was read: with another one it may have changed. */
  seq = -1;
  private placed = 0;

  /** The graph of an execution; of all executions, its beginning, where it is null. */
  constructor(readonly execution: string | null) {}

  /** Forgets everything that was read. */
  clear(): void {
    this.graph.clear();
    this.types.clear();
    this.total = { entities: 0, relations: 0 };
    this.truncated = this.laidOut = false;
    this.placed = 0;
  }

  async load(signal: AbortSignal): Promise<void> {
    if (this.execution !== null) {
      this.takeWhole(
        this.execution,
        await get<WholeGraph>("/v1/graph", { execution: this.execution, limit: MOST }, signal),
      );
      return;
    }
    const entities = await get<Page<EntitySummary>>("/v1/graph/entities", { limit: 200 }, signal);
    const relations = await get<Page<Relation>>("/v1/graph/relations", { limit: 500 }, signal);
    for (const entity of entities.items) this.addEntity(entity);
    for (const relation of relations.items) this.addRelation(relation);
    this.truncated = entities.next !== null || relations.next !== null;
    this.measure();
    this.total = { entities: this.graph.order, relations: this.graph.size };
  }

  private takeWhole(execution: string, whole: WholeGraph): void {
    for (const node of whole.nodes) {
      this.addNode({
        execution,
        id: node.id,
        label: node.label,
        type: node.type,
        confidence: node.confidence,
        degree: node.degree,
      });
    }
    for (const { id, source, target, predicate, confidence } of whole.edges) {
      const [from, to] = [keyOf(execution, source), keyOf(execution, target)];
      if (this.graph.hasNode(from) && this.graph.hasNode(to))
        this.addEdge(from, to, { execution, id, predicate, confidence });
    }
    for (const { iri, count } of whole.types) this.types.set(iri, count);
    this.total = { entities: whole.entities, relations: whole.relations };
    this.truncated = whole.truncated;
  }

  /** Adds the neighbours of an entity; answers with all that are there now. */
  async expand(key: string): Promise<string[]> {
    const { execution, id } = this.graph.getNodeAttributes(key);
    const path = `/v1/graph/entities/${encodeURIComponent(id)}/neighbours`;
    const { items } = await get<Page<Neighbour>>(path, { execution, limit: STEP });
    const before = this.graph.order;
    for (const { entity } of items) this.addEntity(entity, key);
    for (const { relation } of items) this.addRelation(relation, key);
    if (this.graph.order > before) {
      this.measure();
      this.laidOut = false;
    }
    return this.graph.neighbors(key);
  }

  /** Adds what the server finds by a name; answers whether there was anything new. */
  async search(search: string, confidence: number, signal: AbortSignal): Promise<boolean> {
    const query = { execution: this.execution, search, min_confidence: confidence || null, limit: 50 };
    const { items } = await get<Page<EntitySummary>>("/v1/graph/entities", query, signal);
    const before = this.graph.order;
    for (const entity of items) this.addEntity(entity);
    return this.graph.order > before;
  }

  private addEntity(entity: EntitySummary, near?: string): string {
    const { execution_id: execution, id, label, types, confidence, relations } = entity;
    const type = types[0] ?? "";
    const key = keyOf(execution, id);
    if (this.graph.hasNode(key)) {
      if (!this.graph.getNodeAttribute(key, "type"))
        this.graph.mergeNodeAttributes(key, { type, confidence, degree: relations });
      return key;
    }
    this.addNode({ execution, id, label, type, confidence, degree: relations }, near);
    return key;
  }

  private addRelation(relation: Relation, near?: string): void {
    const { execution_id: execution, id, subject, object, predicate, confidence } = relation;
    if (!isEntity(object)) return;
    for (const end of [subject, object]) {
      if (!this.graph.hasNode(keyOf(execution, end.id))) {
        this.addNode({ execution, id: end.id, label: end.label, type: "", confidence: 1, degree: 1 }, near);
      }
    }
    this.addEdge(keyOf(execution, subject.id), keyOf(execution, object.id), { execution, id, predicate, confidence });
  }

  /** New nodes stand on a sunflower's spiral, or around the one that they were found from. */
  private addNode(node: Omit<NodeAttributes, "x" | "y" | "size">, near?: string): void {
    const turn = this.placed++ * 2.399963;
    const around = near === undefined ? undefined : this.graph.getNodeAttributes(near);
    const far = around ? 4 : 10 * Math.sqrt(this.placed);
    const [x, y] = [(around?.x ?? 0) + far * Math.cos(turn), (around?.y ?? 0) + far * Math.sin(turn)];
    this.graph.addNode(keyOf(node.execution, node.id), { ...node, x, y, size: size(node.degree) });
  }

  private addEdge(from: string, to: string, edge: EdgeAttributes): void {
    const key = keyOf(edge.execution, edge.id);
    if (!this.graph.hasEdge(key)) this.graph.addDirectedEdgeWithKey(key, from, to, edge);
  }

  /** Counts the classes of what is there, where no one counted them for us. */
  private measure(): void {
    if (this.execution !== null) return;
    this.types.clear();
    this.graph.forEachNode((_, { type }) => this.types.set(type, (this.types.get(type) ?? 0) + 1));
  }
}

/** The radius of a node in pixels: what has many relations is larger, and nothing is huge. */
function size(degree: number): number {
  return Math.min(18, 3.5 + 2 * Math.sqrt(degree));
}
