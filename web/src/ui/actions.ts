import { me, post } from "../api/client";
import type { Execution, Status } from "../api/types";
import { button, h } from "./dom";
import { announce, sentence } from "./notice";

type Action = "pause" | "resume" | "cancel" | "retry";

/** What can be done with an execution in each state. */
const POSSIBLE: Record<Status, Action[]> = {
  pending: ["pause", "cancel"],
  running: ["pause", "cancel"],
  suspended: ["resume", "cancel"],
  failed: ["retry"],
  completed_with_errors: ["retry"],
  completed: [],
  cancelled: [],
};

const WORDS: Record<Action, string> = { pause: "Pause", resume: "Resume", cancel: "Cancel", retry: "Retry" };
const DONE: Record<Action, string> = {
  pause: "asked to pause",
  resume: "resumed",
  cancel: "asked to cancel",
  retry: "retried",
};

/** Buttons for what can be done with an execution; they change with its state, and keep the focus meanwhile. */
export class Actions {
  readonly element = h("div", { class: "actions" });
  private shown = "";
  private may = false;
  private execution: Pick<Execution, "id" | "status"> | undefined;

  constructor(
    private readonly name: string,
    private readonly done: (execution: Execution) => void,
    /** What a resume sends along, such as a new budget. */
    private readonly body: () => unknown = () => undefined,
  ) {
    void me().then(
      ({ scopes }) => {
        this.may = scopes.includes("write");
        if (this.execution) this.set(this.execution);
      },
      () => undefined,
    );
  }

  set(execution: Pick<Execution, "id" | "status">): void {
    this.execution = execution;
    const possible = this.may ? POSSIBLE[execution.status] : [];
    const wanted = possible.join();
    if (wanted === this.shown) return;
    this.shown = wanted;
    const had = this.element.contains(document.activeElement);
    this.element.replaceChildren(...possible.map((action) => this.button(action)));
    if (had) this.element.querySelector("button")?.focus();
  }

  private button(action: Action): HTMLElement {
    const press = button(
      WORDS[action],
      () => (action === "cancel" ? this.confirm(press) : void this.run(action, press)),
      {
        "aria-label": `${WORDS[action]} ${this.name}`,
        "data-action": action,
      },
    );
    return press;
  }

  /** Cancelling is for good, so it takes a second press. */
  private confirm(press: HTMLButtonElement): void {
    if (press.dataset["sure"]) {
      void this.run("cancel", press);
      return;
    }
    const calm = (): void => {
      delete press.dataset["sure"];
      press.textContent = WORDS.cancel;
    };
    press.dataset["sure"] = "asked";
    press.textContent = "Cancel for good?";
    press.addEventListener("blur", calm, { once: true });
  }

  private async run(action: Action, press: HTMLButtonElement): Promise<void> {
    if (!this.execution) return;
    press.disabled = true;
    this.element.querySelector(".failure")?.remove();
    try {
      const body = action === "resume" ? this.body() : undefined;
      const execution = await post<Execution>(
        `/v1/executions/${encodeURIComponent(this.execution.id)}/${action}`,
        body,
      );
      announce(`${this.name}: ${DONE[action]}`);
      this.shown = "";
      this.done(execution);
    } catch (error) {
      press.disabled = false;
      this.element.append(h("span", { class: "failure", role: "alert" }, sentence(error)));
    }
  }
}
