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

  private before: { max_tokens: number | null; max_cost_usd: number | null } = { max_tokens: null, max_cost_usd: null };

  set(detail: ExecutionDetail): void {
    this.before = detail;
    const limited = detail.max_tokens !== null || detail.max_cost_usd !== null;
    const why = `${detail.error ?? ""} ${detail.waiting_for ?? ""}`;
    this.element.hidden = detail.status !== "suspended" || !(limited || /budget|token|cost/i.test(why));
  }

  /** What `resume` sends, or nothing where no limit was given. Whatever it leaves out is not limited any more. */
  given(): { max_tokens: number | null; max_cost_usd: number | null } | undefined {
    if (this.element.hidden || !(this.tokens.value || this.cost.value)) return undefined;
    const { max_tokens, max_cost_usd } = this.before;
    return {
      max_tokens: this.tokens.value ? Number(this.tokens.value) : max_tokens,
      max_cost_usd: this.cost.value ? Number(this.cost.value) : max_cost_usd,
    };
  }
}
