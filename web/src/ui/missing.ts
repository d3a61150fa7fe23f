import type { Missing } from "../api/types";
import { counted } from "../text/format";
import { h, table } from "./dom";

/** What an execution could not do, as a table: the stage and its chunk, the error, the tries. */
export function missingTable(missing: Missing[]): HTMLElement {
  const { table: element, body } = table("What is missing", ["What", "Why", "#Tries"]);
  for (const { activity, error, attempts } of missing) {
    body.append(
      h(
        "tr",
        {},
        h("td", { class: "code" }, activity),
        h("td", {}, error ?? ""),
        h("td", { class: "figure" }, String(attempts)),
      ),
    );
  }
  return element;
}

/** The same in one line. */
export function missingLine(missing: Missing[]): string {
  const errors = [...new Set(missing.map(({ error }) => error).filter(Boolean))];
  const why =
    errors.length === 0
      ? ""
      : errors.length === 1
        ? `: ${errors[0]}`
        : `: ${errors[0]} (and ${counted(errors.length - 1, "other error")})`;
  return `${counted(missing.length, "piece")} of work missing${why}`;
}
