import { forgetMe, key, me } from "./api/client";
import { href, graphOf, type Route } from "./route";
import { button, fill, h } from "./ui/dom";
import { voice } from "./ui/notice";
import type { PageView } from "./pages/page";

/** The pages that stand in the head; one that needs a capability is there only where the server has it. */
const PAGES: { label: string; route: Route; needs: string }[] = [
  { label: "Executions", route: { page: "executions" }, needs: "extract" },
  { label: "Graph", route: graphOf(null), needs: "graph" },
  { label: "New", route: { page: "new" }, needs: "extract" },
];

/** What stands around every page: the head with its links, and the place where the page goes. */
export class Shell {
  private readonly links = h("ul");
  private readonly who = h("span", { class: "who" });
  private readonly place = h("main", { id: "main", tabindex: -1 });
  private view: PageView | undefined;
  private route: Route = { page: "unknown" };

  constructor(private readonly again: () => void) {
    document.body.replaceChildren(
      h("a", { class: "skip", href: "#main", onclick: (event: Event) => this.skip(event) }, "Skip to the page"),
      h(
        "header",
        { class: "top" },
        h("a", { class: "brand", href: href({ page: "executions" }) }, "Lithograph"),
        h("nav", { "aria-label": "Pages" }, this.links),
        this.who,
      ),
      this.place,
      voice(),
    );
    document.addEventListener("keydown", (event) => this.press(event));
  }

  /** Says who is here and what there is to see. */
  async greet(): Promise<void> {
    const { organization_id, capabilities, version } = await me();
    fill(
      this.links,
      ...PAGES.filter(({ needs }) => capabilities.includes(needs)).map(({ label, route }) => this.link(label, route)),
    );
    const out = button("Sign out", () => {
      key.forget();
      forgetMe();
      this.again();
    });
    fill(this.who, h("span", { title: `Lithograph ${version}` }, organization_id), key.get() ? out : null);
    this.mark();
  }

  /** Shows a page, in the place of the one that was there. */
  show(view: PageView, route: Route): void {
    this.view?.close?.();
    this.view = view;
    this.route = route;
    document.title = view.title === "Lithograph" ? view.title : `${view.title} · Lithograph`;
    fill(this.place, view.element);
    window.scrollTo(0, 0);
    this.mark();
  }

  /** Whether the page that is shown can go there by itself. */
  update(route: Route): boolean {
    if (this.route.page !== route.page || !this.view?.update?.(route)) return false;
    this.route = route;
    return true;
  }

  private link(label: string, route: Route): HTMLElement {
    return h("li", {}, h("a", { href: href(route), "data-page": route.page }, label));
  }

  private mark(): void {
    const here = this.route.page === "execution" ? "executions" : this.route.page;
    for (const link of this.links.querySelectorAll("a")) {
      if (link.dataset["page"] === here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.place.focus();
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (event.key === "/" && !typing) {
      const search = this.place.querySelector<HTMLInputElement>("input[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && this.view?.escape?.()) event.preventDefault();
  }
}
