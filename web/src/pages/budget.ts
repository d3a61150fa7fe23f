import type { ExecutionDetail } from "../api/types";
import { h } from "../ui/dom";

/** The new limits that a suspended execution may be given when it is resumed. */
export class Budget {
  private readonly tokens = h("input", {
    type: "number",
    min: 1,
    step: 1,
    id: "resume-tokens",
    placeholder: "as before",
  });
  private readonly cost = h("input", {
    type: "number",
    min: 0,
    step: "any",
    id: "resume-cost",
    placeholder: "as before",
  });
  readonly element = h(
    "div",
    { class: "budget", hidden: true },
    h("label", { for: "resume-tokens" }, "Resume with at most"),
    this.tokens,
    h("label", { for: "resume-tokens" }, "tokens and"),
    this.cost,
    h("label", { for: "resume-cost" }, "dollars"),
  );

  set(detail: ExecutionDetail): void {
    const limited = detail.max_tokens !== null || detail.max_cost_usd !== null;
    const why = `${detail.error ?? ""} ${detail.waiting_for ?? ""}`;
    this.element.hidden = detail.status !== "suspended" || !(limited || /budget|token|cost/i.test(why));
  }

  /** What `resume` sends, or nothing where no limit was given. */
  given(): { max_tokens?: number; max_cost_usd?: number } | undefined {
    if (this.element.hidden) return undefined;
    const limits = {
      ...(this.tokens.value ? { max_tokens: Number(this.tokens.value) } : {}),
      ...(this.cost.value ? { max_cost_usd: Number(this.cost.value) } : {}),
    };
    return Object.keys(limits).length ? limits : undefined;
  }
}
