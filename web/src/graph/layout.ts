import forceAtlas2, { type ForceAtlas2Settings } from "graphology-layout-forceatlas2";
import defaults from "graphology-layout-forceatlas2/defaults.js";
import type { GraphModel } from "./model";

export type Ask =
  | {
      kind: "start";
      turn: number;
      nodes: Float32Array;
      edges: Float32Array;
      settings: ForceAtlas2Settings;
      iterations: number;
    }
  /** The positions told before are on the screen; new ones are welcome. */
  | { kind: "drawn" }
  | { kind: "stop" };
export type Tell = { turn: number; positions: Float32Array<ArrayBuffer>; ended: boolean };

/** Numbers that the layout keeps of every node and of every edge. */
const NODE = 10;
const EDGE = 3;

/** Lays a graph out in a worker, so that the page stays quick. */
export class Layout {
  private readonly worker = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
  private turn = 0;
  private keys: string[] = [];
  running = false;

  constructor(
    private readonly model: GraphModel,
    private readonly changed: () => void,
  ) {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Tell>) => this.take(data));
  }

  start(): void {
    const { graph } = this.model;
    this.keys = graph.filterNodes((key) => graph.degree(key) > 0);
    if (this.keys.length === 0) {
      this.place(new Float32Array());
      this.model.laidOut = true;
      this.changed();
      return;
    }
    const { nodes, edges } = this.matrices();
    this.turn += 1;
    this.running = true;
    const order = this.keys.length;
    const many = order > 1000;
    const settings = { ...defaults, ...forceAtlas2.inferSettings(order), barnesHutOptimize: many, adjustSizes: !many };
    this.ask({ kind: "start", turn: this.turn, nodes, edges, settings, iterations: order > 3000 ? 400 : 1000 });
    this.changed();
  }

  stop(): void {
    this.turn += 1;
    this.running = false;
    this.ask({ kind: "stop" });
    this.changed();
  }

  kill(): void {
    this.worker.terminate();
  }

  private ask(message: Ask): void {
    this.worker.postMessage(message);
  }

  /** Position, movement, mass, convergence and size of every node that has a relation; ends and weight of every edge. */
  private matrices(): { nodes: Float32Array; edges: Float32Array } {
    const { graph } = this.model;
    const index = new Map(this.keys.map((key, at) => [key, at * NODE]));
    const nodes = new Float32Array(this.keys.length * NODE);
    for (const [key, at] of index) {
      const { x, y, size } = graph.getNodeAttributes(key);
      nodes.set([x, y, 0, 0, 0, 0, 1 + graph.degree(key), 1, size, 0], at);
    }
    const edges = new Float32Array(graph.size * EDGE);
    let at = 0;
    graph.forEachEdge((_, __, source, target) => {
      edges.set([index.get(source) ?? 0, index.get(target) ?? 0, 1], at);
      at += EDGE;
    });
    return { nodes, edges };
  }

  private take({ turn, positions, ended }: Tell): void {
    if (turn !== this.turn) return;
    const began = performance.now();
    // Whoever wants little motion sees where it ends, not how it gets there.
    if (ended || !matchMedia("(prefers-reduced-motion: reduce)").matches) this.place(positions);
    if (ended) {
      this.running = false;
      this.model.laidOut = true;
    } else {
      // Drawing a large graph takes a while: leave the page as much time again for everything else.
      requestAnimationFrame(() => setTimeout(() => this.ask({ kind: "drawn" }), 2 * (performance.now() - began)));
    }
    this.changed();
  }

  private place(positions: Float32Array): void {
    const index = new Map(this.keys.map((key, at) => [key, 2 * at]));
    const alone = rows(positions, this.model.graph.order - this.keys.length);
    this.model.graph.updateEachNodeAttributes(
      (key, attributes) => {
        const at = index.get(key);
        const free = at === undefined ? alone.next().value : undefined;
        attributes.x = free ? free[0] : (positions[at ?? 0] ?? 0);
        attributes.y = free ? free[1] : (positions[(at ?? 0) + 1] ?? 0);
        return attributes;
      },
      { attributes: ["x", "y"] },
    );
  }
}

/** Places in rows below the others, for nodes without a relation: in the layout they would only be driven to its rim. */
function* rows(positions: Float32Array, number: number): Generator<[number, number], undefined> {
  let [left, right, low] = [0, 100, 0];
  for (let at = 0; at < positions.length; at += 2) {
    const [x = 0, y = 0] = [positions[at], positions[at + 1]];
    [left, right, low] = [Math.min(left, x), Math.max(right, x), Math.min(low, y)];
  }
  const columns = Math.max(8, Math.ceil(Math.sqrt(number * 4)));
  const step = (right - left) / (columns - 1);
  for (let at = 0; at < number; at++) {
    const row = Math.floor(at / columns);
    yield [left + (at % columns) * step + ((row % 2) * step) / 2, low - step * (1.2 + row * 0.8)];
  }
  return undefined;
}
