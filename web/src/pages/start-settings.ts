import type { Me } from "../api/types";
import { add, fill, h } from "../ui/dom";

export interface Settings {
  element: HTMLElement;
  /** Offers the models and addresses that this server allows. */
  offer(me: Me): void;
  /** What the API wants to know beside document and ontology. */
  values(): Record<string, string | number | null>;
}

/** How to extract: the model first, the rest folded away because its defaults are good. */
export function settings(): Settings {
  const models = h("datalist", { id: "models" });
  const model = h("input", {
    id: "model",
    list: "models",
    value: "rules",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "model-hint",
  });
  const address = h("select", { id: "base-url" }, h("option", { value: "" }, "the provider's own"));
  const strategy = choice(
    "strategy",
    ["staged", "entities first, then relations"],
    ["joint", "both in one call, for less cost"],
  );
  const missing = choice("on-missing", ["fail", "fail, and keep what is done"], ["skip", "go on without it"]);
  const tokens = h("input", { id: "max-tokens", type: "number", min: 1, step: 1, placeholder: "no limit" });
  const cost = h("input", { id: "max-cost", type: "number", min: 0, step: "any", placeholder: "no limit" });
  const where = field("base-url", "Address of the model", address);
  where.hidden = true;
  const element = h(
    "div",
    { class: "settings" },
    field("model", "Model", model, "“rules” needs no key and no network; others are PROVIDER:NAME."),
    models,
    h(
      "details",
      {},
      h("summary", {}, "More settings"),
      where,
      field("strategy", "Ask for", strategy),
      field("on-missing", "Where a piece fails for good", missing),
      field("max-tokens", "Tokens at most", tokens),
      field("max-cost", "Dollars at most", cost),
    ),
  );
  return {
    element,
    offer({ models: names, base_urls }) {
      fill(models, ...names.map((name) => h("option", { value: name })));
      add(address, ...base_urls.map((url) => h("option", { value: url }, url)));
      where.hidden = base_urls.length === 0;
    },
    values: () => ({
      model: model.value.trim() || "rules",
      base_url: address.value,
      strategy: strategy.value,
      on_missing: missing.value,
      max_tokens: tokens.value ? Number(tokens.value) : null,
      max_cost_usd: cost.value ? Number(cost.value) : null,
    }),
  };
}

function choice(id: string, ...options: [string, string][]): HTMLSelectElement {
  return h("select", { id }, ...options.map(([value, label]) => h("option", { value }, label)));
}

function field(id: string, label: string, control: HTMLElement, hint?: string): HTMLElement {
  const said = hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null;
  return h("div", { class: "field" }, h("label", { for: id }, label), control, said);
}
