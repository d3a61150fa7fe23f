import type { GraphModel } from "./model";

/** The graph that was looked at last, so that coming back from a document finds it as it was. */
let last: GraphModel | undefined;

export function kept(execution: string | null): GraphModel | undefined {
  return last && last.execution === execution && execution !== null ? last : undefined;
}

export function keep(model: GraphModel): void {
  last = model;
}
