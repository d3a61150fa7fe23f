type Value = string | number | boolean | null | undefined | ((event: never) => void);
export type Child = Node | string | null | undefined | false;

/**
 * An element. Attributes that are functions listen (`onclick`), true is an empty attribute, false, null and undefined are none.
 * Strings become text, never markup: what a document says can be nothing but text here.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value as EventListener);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  add(element, ...children);
  return element;
}

export function add(parent: Element, ...children: Child[]): void {
  for (const child of children) if (child) parent.append(child);
}

/** Puts these children in the place of those that are there. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}

export function button(
  label: string,
  onclick: (event: MouseEvent) => void,
  attributes: Record<string, Value> = {},
): HTMLButtonElement {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

/** A table with a head of words and a body to fill; the names of columns of figures begin with "#". */
export function table(caption: string, columns: string[]): { table: HTMLTableElement; body: HTMLTableSectionElement } {
  const body = h("tbody");
  const heads = columns.map((name) =>
    h("th", { scope: "col", class: name.startsWith("#") ? "figure" : null }, name.replace(/^#/, "")),
  );
  const element = h(
    "table",
    {},
    h("caption", { class: "unseen" }, caption),
    h("thead", {}, h("tr", {}, ...heads)),
    body,
  );
  return { table: element, body };
}

/** Name and value, line by line; lines without a value are left out. */
export function facts(...lines: [string, Child][]): HTMLDListElement {
  const list = h("dl", { class: "facts" });
  for (const [name, value] of lines) if (value) list.append(h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return list;
}
