/** The shapes that the HTTP API answers with; the words are those of its OpenAPI document. */

export interface Me {
  organization_id: string;
  scopes: string[];
  version: string;
  capabilities: string[];
  models: string[];
  base_urls: string[];
  formats: string[];
  max_upload_bytes: number;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface DocumentInfo {
  id: string;
  source: string;
  sha256: string;
  media_type: string;
  characters: number;
  given_at: string;
}

export interface OntologyInfo {
  content_hash: string;
  source: string;
  given_at: string | null;
  classes?: number;
  properties?: number;
}

export type Status =
  "pending" | "running" | "suspended" | "completed" | "completed_with_errors" | "failed" | "cancelled";

export interface Execution {
  id: string;
  type: "extraction" | "batch_extraction";
  status: Status;
  source: string | null;
  model: string | null;
  parent_id: string | null;
  percent: number;
  error: string | null;
  waiting_for: string | null;
  tokens: number;
  cost_usd: number;
  created_at: string;
  started_at: string | null;
  updated_at: string;
  completed_at: string | null;
}

export interface Missing {
  activity: string;
  error: string | null;
  attempts: number;
}

export interface ExecutionDetail extends Execution {
  stages: Record<string, Record<string, number>>;
  usage: { calls: number; input_tokens: number; output_tokens: number; cost_usd: number };
  missing: Missing[];
  rejected: Record<string, number>;
  document: string | null;
  ontology: string | null;
  last_seq: number;
  strategy: string | null;
  on_missing: string | null;
  max_tokens: number | null;
  max_cost_usd: number | null;
}

export interface BatchInfo {
  execution: Execution;
  state: string;
  /** Null while the documents are being listed. */
  total: number | null;
  listed: number;
  counts: Record<string, number>;
  unwell: { source: string; execution_id: string | null; status: Status; error: string | null }[];
}

export interface WorkflowEvent {
  seq: number;
  type: string;
  created_at: string;
  payload: EventPayload;
}

export interface EventPayload {
  stage?: string;
  done?: number;
  total?: number;
  percent?: number;
  tokens?: number;
  cost_usd?: number;
  [name: string]: unknown;
}

export interface Span {
  document: string;
  start: number;
  end: number;
  text: string;
}

export interface EntitySummary {
  execution_id: string;
  id: string;
  label: string;
  types: string[];
  aliases: string[];
  confidence: number;
  mentions: number;
  relations: number;
}

export interface Attribute {
  predicate: string;
  value: string;
  datatype: string;
  evidence: Span[];
}

export interface EntityDetail extends EntitySummary {
  attributes: Attribute[];
  places: (Span & { confidence: number })[];
}

export interface NamedEntity {
  id: string;
  label: string;
}

export interface Literal {
  value: string;
  datatype: string;
  language?: string;
}

export interface Relation {
  execution_id: string;
  id: string;
  subject: NamedEntity;
  predicate: string;
  object: NamedEntity | Literal;
  confidence: number;
  flags: string[];
  evidence: Span[];
}

export interface Neighbour {
  entity: EntitySummary;
  relation: Relation;
}

export interface GraphNode {
  id: string;
  label: string;
  type: string;
  confidence: number;
  degree: number;
}

export interface GraphEdge {
  id: string;
  source: string;
  target: string;
  predicate: string;
  confidence: number;
}

export interface WholeGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  entities: number;
  relations: number;
  truncated: boolean;
  types: { iri: string; count: number }[];
  predicates: { iri: string; count: number }[];
}

/** Whether the object of a relation is an entity rather than a value. */
export function isEntity(object: NamedEntity | Literal): object is NamedEntity {
  return "id" in object;
}
