import { Problem } from "../api/client";
import { h } from "./dom";

const spoken = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

/** The element that a screen reader reads out when it changes; it stands once in the page. */
export function voice(): HTMLElement {
  return spoken;
}

/** Says something to those who cannot see that it changed. */
export function announce(text: string): void {
  if (spoken.textContent !== text) spoken.textContent = text;
}

/** What went wrong, in one sentence. */
export function sentence(error: unknown): string {
  if (error instanceof Problem) {
    const fields = error.fields.map(({ field, message }) => `${field}: ${message}`);
    return [error.message, ...fields].join(" ");
  }
  return error instanceof Error ? error.message : String(error);
}

export function failure(error: unknown): HTMLElement {
  return h("p", { class: "failure", role: "alert" }, sentence(error));
}

export function waiting(text: string): HTMLElement {
  return h("p", { class: "quiet", "aria-busy": "true" }, text);
}
