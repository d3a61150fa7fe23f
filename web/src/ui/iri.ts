import { isWeb, localName } from "../text/iri";
import { h } from "./dom";

/** An IRI by its local name, with all of it in the title. */
export function named(iri: string): HTMLElement {
  return h("span", { class: "iri", title: iri }, localName(iri));
}

/** The same as a link where it leads to the web; it says nothing about where the reader comes from. */
export function linked(iri: string): HTMLElement {
  if (!isWeb(iri)) return named(iri);
  return h("a", { class: "iri", href: iri, title: iri, target: "_blank", rel: "noreferrer noopener" }, localName(iri));
}
