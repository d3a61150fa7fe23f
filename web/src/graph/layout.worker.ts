import iterate from "graphology-layout-forceatlas2/iterate.js";
import type { Ask, Tell } from "./layout";

/** ForceAtlas2 away from the page's thread: some iterations, the positions, a look at the messages, and again. */

const SLICE = 60;
/** The layout rests when the nodes move by less than this share of its width in one slice. */
const STILL = 0.0008;
const FIELDS = 10;

let current = 0;
let welcome = true;

addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  welcome = true;
  if (data.kind === "drawn") return;
  current += 1;
  if (data.kind === "start") run(data, current);
});

function run(ask: Extract<Ask, { kind: "start" }>, turn: number): void {
  const { nodes, edges, settings, iterations } = ask;
  let done = 0;
  let before = positions(nodes);
  const slice = (): void => {
    if (turn !== current) return;
    const until = performance.now() + SLICE;
    do {
      iterate(settings, nodes, edges);
      done += 1;
    } while (performance.now() < until && done < iterations);
    const after = positions(nodes);
    const ended = done >= iterations || (done > 50 && moved(before, after) < STILL);
    before = after;
    if (welcome || ended) tell({ turn: ask.turn, positions: after.slice(), ended });
    welcome = false;
    if (!ended) setTimeout(slice);
  };
  slice();
}

function tell(message: Tell): void {
  postMessage(message, { transfer: [message.positions.buffer] });
}

function positions(nodes: Float32Array): Float32Array<ArrayBuffer> {
  const found = new Float32Array((nodes.length / FIELDS) * 2);
  for (let index = 0; index * FIELDS < nodes.length; index++) {
    found[2 * index] = nodes[index * FIELDS] ?? 0;
    found[2 * index + 1] = nodes[index * FIELDS + 1] ?? 0;
  }
  return found;
}

/** How far the nodes moved on average, as a share of the width of it all. */
function moved(before: Float32Array, after: Float32Array): number {
  let [sum, least, most] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let index = 0; index < after.length; index += 2) {
    const [x, y] = [after[index] ?? 0, after[index + 1] ?? 0];
    sum += Math.hypot(x - (before[index] ?? 0), y - (before[index + 1] ?? 0));
    least = Math.min(least, x, y);
    most = Math.max(most, x, y);
  }
  return sum / (after.length / 2) / (most - least || 1);
}
