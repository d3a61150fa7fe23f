import { sentence } from "../ui/notice";
import { button, fill, h, type Child } from "../ui/dom";

/** The place beside the graph where an entity or a relation is told about. */
export class Panel {
  private readonly title = h("h2", { tabindex: -1 });
  private readonly body = h("div", { class: "panel-body" });
  private turn = 0;
  readonly element = h(
    "aside",
    { class: "panel", hidden: true, "aria-label": "Details" },
    h(
      "header",
      {},
      this.title,
      button("Close", () => this.close(), { class: "close", title: "Close (Esc)" }),
    ),
    this.body,
  );

  constructor(private readonly closed: () => void) {}

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  /** Opens with a title at once, and with what it is about as soon as it is known. */
  async open(title: string, content: () => Promise<Child[]>, focus: boolean): Promise<void> {
    const turn = ++this.turn;
    this.element.hidden = false;
    this.title.textContent = title;
    this.body.setAttribute("aria-busy", "true");
    if (focus) this.title.focus();
    let children: Child[];
    try {
      children = await content();
    } catch (error) {
      children = [h("p", { class: "failure", role: "alert" }, sentence(error))];
    }
    if (turn !== this.turn) return;
    this.body.removeAttribute("aria-busy");
    fill(this.body, ...children);
    this.body.scrollTo(0, 0);
  }

  close(): boolean {
    if (!this.isOpen) return false;
    this.turn += 1;
    this.element.hidden = true;
    fill(this.body);
    this.closed();
    return true;
  }
}
