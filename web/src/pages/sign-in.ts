import { forgetMe, key, me } from "../api/client";
import { fill, h } from "../ui/dom";
import { failure } from "../ui/notice";
import type { PageView } from "./page";

/** Asks for a key, which stays in this tab, and goes on when the server takes it. */
export function signInPage(then: () => void): PageView {
  const message = h("div");
  const input = h("input", {
    type: "password",
    id: "key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-hint",
  });
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    key.set(input.value.trim());
    forgetMe();
    try {
      await me();
      then();
    } catch (error) {
      key.forget();
      fill(message, failure(error));
      input.select();
    }
  };
  requestAnimationFrame(() => input.focus());
  return {
    title: "Sign in",
    element: h(
      "div",
      { class: "page narrow" },
      h("header", { class: "head" }, h("h1", {}, "Sign in")),
      h(
        "form",
        { class: "start", onsubmit: (event: SubmitEvent) => void submit(event) },
        h(
          "div",
          { class: "field" },
          h("label", { for: "key" }, "API key"),
          input,
          h(
            "p",
            { class: "hint", id: "key-hint" },
            "Made with ",
            h("code", {}, "litho key create"),
            ". It is kept until this tab is closed.",
          ),
        ),
        message,
        h("div", { class: "tools" }, h("button", { type: "submit", class: "primary" }, "Sign in")),
      ),
    ),
  };
}
