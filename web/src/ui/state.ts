import type { Status } from "../api/types";
import { percent, words } from "../text/format";
import { h } from "./dom";

/** A status in words, with a mark whose shape and colour say the same. */
export function state(status: Status | string): HTMLElement {
  return h("span", { class: "state", "data-state": status }, words(status));
}

/** A bar that says how far something is. */
export class Meter {
  private readonly bar = h("progress", { max: 100, value: 0 });
  private readonly figure = h("span", { class: "percent" });
  readonly element = h("div", { class: "meter" }, this.bar, this.figure);

  constructor(label: string) {
    this.bar.setAttribute("aria-label", label);
  }

  set(value: number, status: Status): void {
    this.bar.value = value;
    this.bar.dataset["state"] = status;
    const text = percent(value);
    if (this.figure.textContent !== text) this.figure.textContent = text;
  }
}
