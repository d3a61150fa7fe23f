/** Where in these pages we are: what stands behind the "#" of the address. */
export type Route =
  | { page: "executions" }
  | { page: "execution"; id: string }
  | { page: "graph"; id: string | null; entity: string | null; relation: string | null; within: string | null }
  | { page: "document"; id: string; start: number | null; end: number | null }
  | { page: "new" }
  | { page: "unknown" };

export function parse(hash: string): Route {
  const [path = "", query = ""] = split(hash.replace(/^#/, ""), "?");
  const asked = new URLSearchParams(query);
  const [first = "", second, ...more] = path.split("/").filter(Boolean).map(decoded);
  if (more.length > 0) return { page: "unknown" };
  if (first === "") return { page: "executions" };
  if (first === "executions") return second ? { page: "execution", id: second } : { page: "executions" };
  if (first === "new" && !second) return { page: "new" };
  if (first === "documents" && second)
    return { page: "document", id: second, start: offset(asked.get("start")), end: offset(asked.get("end")) };
  if (first === "graph") {
    const [entity, relation, within] = [asked.get("entity"), asked.get("relation"), asked.get("in")];
    return { page: "graph", id: second ?? null, entity, relation, within };
  }
  return { page: "unknown" };
}

export function href(route: Route): string {
  switch (route.page) {
    case "execution":
      return `#/executions/${encodeURIComponent(route.id)}`;
    case "graph":
      return withQuery(route.id ? `#/graph/${encodeURIComponent(route.id)}` : "#/graph", {
        entity: route.entity,
        relation: route.relation,
        in: route.within,
      });
    case "document":
      return withQuery(`#/documents/${encodeURIComponent(route.id)}`, { start: route.start, end: route.end });
    case "new":
      return "#/new";
    default:
      return "#/";
  }
}

/** The graph of one execution, or the explorer of all of them, with nothing chosen. */
export function graphOf(id: string | null): Route {
  return { page: "graph", id, entity: null, relation: null, within: null };
}

function withQuery(path: string, query: Record<string, string | number | null>): string {
  const given = Object.entries(query).filter(([, value]) => value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

function split(text: string, at: string): [string, string?] {
  const index = text.indexOf(at);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function offset(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
