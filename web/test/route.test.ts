import { expect, it } from "vitest";
import { href, parse, type Route } from "../src/route";

it("every address leads to the place that it was made for", () => {
  const routes: Route[] = [
    { page: "executions" },
    { page: "execution", id: "execution_1" },
    { page: "execution", id: "a/b?c#d%" },
    { page: "graph", id: null, entity: null, relation: null, within: null },
    { page: "graph", id: "execution_1", entity: "entity&1", relation: null, within: null },
    { page: "graph", id: null, entity: null, relation: "r", within: "execution_1" },
    { page: "document", id: "d", start: 0, end: 12 },
    { page: "document", id: "d", start: null, end: null },
    { page: "new" },
  ];
  for (const route of routes) expect(parse(href(route))).toEqual(route);
});

it("what is no place of ours is said to be none, and what is no offset is left out", () => {
  for (const hash of ["#/nothing", "#/executions/a/b", "#/documents", "#/new/x"])
    expect(parse(hash)).toEqual({ page: "unknown" });
  for (const hash of ["", "#", "#/", "#/executions"]) expect(parse(hash)).toEqual({ page: "executions" });
  expect(parse("#/documents/d?start=-1&end=1e9")).toEqual({ page: "document", id: "d", start: null, end: null });
});
