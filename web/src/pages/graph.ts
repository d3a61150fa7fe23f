import { Explorer } from "../graph/explorer";
import type { Route } from "../route";
import type { PageView } from "./page";

/** The explorer of one execution's graph, or of all of them. */
export function graphPage(route: Extract<Route, { page: "graph" }>): PageView {
  const explorer = new Explorer(route);
  return {
    title: "Graph",
    element: explorer.element,
    update: (next) => next.page === "graph" && next.id === route.id && explorer.go(next),
    escape: () => explorer.escape(),
    close: () => explorer.close(),
  };
}
