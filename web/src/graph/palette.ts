/** Colours of the canvas. They are custom properties of the stylesheet, so that light and dark stand in one place. */
export interface Palette {
  edge: string;
  near: string;
  label: string;
  paper: string;
  chosen: string;
  classes: string[];
}

/** So many classes have a colour of their own; the others share the last. */
export const COLOURS = 9;

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    edge: read("--edge"),
    near: read("--soft"),
    label: read("--ink"),
    paper: read("--paper"),
    chosen: read("--chosen"),
    classes: Array.from({ length: COLOURS + 1 }, (_, index) => read(`--class-${index}`)),
  };
}

/** Which colour each class has: the most frequent ones their own, in order. */
export function colouring(types: Map<string, number>): Map<string, number> {
  const order = [...types]
    .filter(([iri]) => iri !== "")
    .sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
  return new Map(order.map(([iri], index) => [iri, Math.min(index, COLOURS)]));
}
