import type { Attributes } from "graphology-types";
import Sigma from "sigma";
import { extremityArrow, layerPlain, pathCurved, pathLine, pathLoop } from "sigma/rendering";
import { localName } from "../text/iri";
import type { EdgeAttributes, GraphModel, NodeAttributes } from "./model";
import { colouring, palette } from "./palette";

export interface Handlers {
  onNode(key: string): void;
  onEdge(key: string): void;
  onNothing(): void;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif';
/** With more edges than this, plain lines are enough: arrows and curves could not be told apart, and cost time. */
const LARGE = 4000;

function draw(model: GraphModel, container: HTMLElement) {
  const large = model.graph.size > LARGE;
  const scale = model.graph.order > 3000 ? 0.5 : model.graph.order > 600 ? 0.7 : 1;
  let colours = palette();
  let classes = colouring(model.types);
  const colour = (type: string): string =>
    colours.classes[classes.get(type) ?? colours.classes.length - 1] ?? colours.edge;
  const sigma = new Sigma<
    NodeAttributes,
    EdgeAttributes,
    Attributes,
    { near: boolean },
    { near: boolean },
    { focused: boolean }
  >(model.graph, container, {
    customNodeState: { near: false },
    customEdgeState: { near: false },
    customGraphState: { focused: false },
    primitives: {
      nodes: { label: { margin: 4 } },
      edges: {
        paths: large ? [pathLine()] : [pathLine(), pathLoop(), pathCurved()],
        extremities: large ? [] : [extremityArrow()],
        layers: [layerPlain()],
        label: { margin: 3 },
      },
    },
    styles: {
      nodes: [
        {
          x: { attribute: "x" },
          y: { attribute: "y" },
          size: ({ size }) => size * scale,
          label: { attribute: "label" },
          labelSize: 12,
          labelFont: FONT,
          color: ({ type }) => colour(type),
          labelColor: () => colours.label,
          visibility: { whenState: "isHidden", then: "hidden", else: "visible" },
          backdropColor: () => colours.paper,
          backdropShadowColor: "rgba(0, 0, 0, 0)",
          backdropVisibility: { whenState: "isHovered", then: "visible", else: "hidden" },
        },
        {
          when: (_, state, { focused }) => focused && !state.near && !state.isHovered,
          then: { opacity: 0.25, label: "" },
        },
        { whenState: "near", then: { labelVisibility: "visible", zIndex: 1 } },
        {
          whenState: "isHighlighted",
          then: { color: () => colours.chosen, labelVisibility: "visible", depth: "topNodes" },
        },
        { whenState: "isHovered", then: { labelVisibility: "visible", depth: "topNodes" } },
      ],
      edges: [
        {
          color: () => colours.edge,
          size: 1,
          head: large ? "none" : "arrow",
          selfLoopPath: large ? "line" : "loop",
          parallelPath: large ? "line" : "curved",
          label: ({ predicate }) => localName(predicate),
          labelColor: () => colours.label,
          labelSize: 11,
          labelFont: FONT,
          labelVisibility: "hidden",
          visibility: { whenState: "isHidden", then: "hidden", else: "visible" },
        },
        {
          when: (_, state, { focused }) => focused && !state.near && !state.isHovered,
          then: { opacity: 0.3 },
        },
        { whenState: "near", then: { color: () => colours.near, size: 1.5 } },
        {
          whenState: "isHovered",
          then: { labelVisibility: "visible", size: 2.5, color: () => colours.chosen, cursor: "pointer" },
        },
        {
          whenState: "isHighlighted",
          then: { labelVisibility: "visible", size: 3, color: () => colours.chosen, depth: "topEdges" },
        },
      ],
    },
    settings: {
      enableEdgeEvents: true,
      edgePickingPadding: 4,
      renderEdgeLabels: true,
      hideEdgesOnMove: large,
      antialiasEdges: !large,
      labelDensity: 0.7,
      labelGridCellSize: 130,
      labelRenderedSizeThreshold: 5 * scale,
      itemSizesReference: "screen",
      autoRescaleContent: "nodes",
      stagePadding: 40,
      minEdgeThickness: 0.6,
      allowInvalidContainer: true,
    },
  });
  const recolour = (): void => {
    colours = palette();
    classes = colouring(model.types);
    sigma.refresh();
  };
  return { sigma, recolour };
}

/** The graph as it is drawn: what is chosen stands out, what is filtered out is not there. */
export class Canvas {
  private readonly sigma;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  /** Takes up new classes and the colours of light or dark. */
  readonly recolour: () => void;
  private near: { nodes: string[]; edges: string[] } = { nodes: [], edges: [] };
  private chosen: { node?: string; edge?: string } = {};
  private shown: Set<string> | undefined;

  /** Throws where the browser has no WebGL. */
  constructor(
    private readonly model: GraphModel,
    container: HTMLElement,
    handlers: Handlers,
  ) {
    const { sigma, recolour } = draw(model, container);
    this.sigma = sigma;
    this.recolour = recolour;
    sigma.on("clickNode", ({ node }) => handlers.onNode(node));
    sigma.on("clickEdge", ({ edge }) => handlers.onEdge(edge));
    sigma.on("clickStage", () => handlers.onNothing());
    this.dark.addEventListener("change", recolour);
  }

  /** Makes one node or edge stand out with what touches it; nothing, where there is none. */
  choose(chosen: { node?: string; edge?: string }): void {
    const { sigma } = this;
    const { graph } = this.model;
    sigma.setNodesState(this.near.nodes, { near: false });
    sigma.setEdgesState(this.near.edges, { near: false });
    if (this.chosen.node && graph.hasNode(this.chosen.node))
      sigma.setNodeState(this.chosen.node, { isHighlighted: false });
    if (this.chosen.edge && graph.hasEdge(this.chosen.edge))
      sigma.setEdgeState(this.chosen.edge, { isHighlighted: false });
    this.chosen = {};
    this.near = { nodes: [], edges: [] };
    if (chosen.node && graph.hasNode(chosen.node)) {
      this.near = { nodes: [chosen.node, ...graph.neighbors(chosen.node)], edges: graph.edges(chosen.node) };
      this.chosen = { node: chosen.node };
      sigma.setNodeState(chosen.node, { isHighlighted: true });
    } else if (chosen.edge && graph.hasEdge(chosen.edge)) {
      this.near = { nodes: graph.extremities(chosen.edge), edges: [chosen.edge] };
      this.chosen = { edge: chosen.edge };
      sigma.setEdgeState(chosen.edge, { isHighlighted: true });
    }
    sigma.setNodesState(this.near.nodes, { near: true });
    sigma.setEdgesState(this.near.edges, { near: true });
    sigma.setGraphState({ focused: this.near.nodes.length > 0 });
  }

  /** Shows these nodes, and of their relations those that are confident enough. */
  show(nodes: Set<string>, confidence: number): void {
    const { graph } = this.model;
    this.shown = nodes;
    const [here, gone] = split(graph.nodes(), (key) => nodes.has(key));
    const [drawn, left] = split(
      graph.edges(),
      (key) =>
        graph.getEdgeAttribute(key, "confidence") >= confidence &&
        graph.extremities(key).every((end) => nodes.has(end)),
    );
    this.sigma.setNodesState(here, { isHidden: false });
    this.sigma.setNodesState(gone, { isHidden: true });
    this.sigma.setEdgesState(drawn, { isHidden: false });
    this.sigma.setEdgesState(left, { isHidden: true });
  }

  zoom(factor: number): void {
    const camera = this.sigma.getCamera();
    this.move({ ratio: camera.getBoundedRatio(camera.ratio * factor) });
  }

  /** Brings these nodes into view; all that are shown, where none are named. */
  fit(keys?: string[]): void {
    const points = [...(keys ?? this.shown ?? this.model.graph.nodes())].map((key) =>
      this.sigma.graphToFramedGraph(this.model.graph.getNodeAttributes(key)),
    );
    if (points.length === 0) return;
    const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
    const [left, right] = extent(xs);
    const [low, high] = extent(ys);
    const ratio = Math.max(right - left, high - low) * 1.3;
    this.move({
      x: (left + right) / 2,
      y: (low + high) / 2,
      ratio: keys ? Math.max(ratio, 0.25) : Math.max(ratio, 0.1),
      angle: 0,
    });
  }

  kill(): void {
    this.dark.removeEventListener("change", this.recolour);
    this.sigma.kill();
  }

  private move(state: { x?: number; y?: number; ratio: number; angle?: number }): void {
    const camera = this.sigma.getCamera();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) camera.setState(state);
    else void camera.animate(state, { duration: 250 });
  }
}

function split(keys: string[], wanted: (key: string) => boolean): [string[], string[]] {
  const yes: string[] = [];
  const no: string[] = [];
  for (const key of keys) (wanted(key) ? yes : no).push(key);
  return [yes, no];
}

function extent(values: number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
}
