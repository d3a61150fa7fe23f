import { textOf } from "../api/texts";
import type { Span } from "../api/types";
import { href } from "../route";
import { around } from "../text/codepoints";
import { fill, h } from "../ui/dom";

/** A span in the text around it. It is a link: the document opens at that place. */
export function quote(span: Span, short = false): HTMLElement {
  const text = h("span", {}, h("mark", {}, span.text));
  const address = href({ page: "document", id: span.document, start: span.start, end: span.end });
  const element = h(
    "a",
    {
      class: short ? "quote short" : "quote",
      href: address,
      "data-start": span.start,
      "data-end": span.end,
      title: "Open the document at this place",
    },
    text,
  );
  textOf(span.document).then(
    (whole) => {
      const { before, inside, after } = around(whole, span.start, span.end, short ? 60 : 200);
      fill(text, before, h("mark", {}, inside), after);
    },
    // What was stored with the relation is shown already.
    () => undefined,
  );
  return element;
}

/** Quotes, the first few at once and the others on request. */
export function quotes(spans: Span[], most: number, short = false): HTMLElement {
  const list = h("ul", { class: "quotes" }, ...spans.slice(0, most).map((span) => h("li", {}, quote(span, short))));
  const rest = spans.slice(most);
  if (rest.length === 0) return list;
  const more = h("button", { type: "button", class: "more" }, `${rest.length} more`);
  more.addEventListener("click", () => {
    const items = rest.map((span) => h("li", {}, quote(span, short)));
    list.append(...items);
    more.remove();
    items[0]?.querySelector("a")?.focus();
  });
  return h("div", {}, list, more);
}
