import { get } from "../api/client";
import { textOf } from "../api/texts";
import type { DocumentInfo } from "../api/types";
import { cut } from "../text/codepoints";
import { counted, fileName } from "../text/format";
import { button, fill, h } from "../ui/dom";
import { failure, waiting } from "../ui/notice";
import type { PageView } from "./page";

/** The text of a document as it was extracted, with a span of code points marked and scrolled into view. */
export function documentPage(id: string, start: number | null, end: number | null): PageView {
  const title = h("h1", {}, "Document");
  const about = h("p", { class: "quiet" });
  const text = h("article", { class: "text" }, waiting("Reading the text …"));
  const tools = h("div", { class: "tools" });

  const load = async (): Promise<void> => {
    try {
      const [info, whole] = await Promise.all([
        get<DocumentInfo>(`/v1/documents/${encodeURIComponent(id)}`),
        textOf(id),
      ]);
      title.textContent = fileName(info.source);
      title.title = info.source;
      const marked = start !== null && end !== null && end > start;
      about.textContent = [
        info.media_type,
        counted(info.characters, "character"),
        marked ? `marked: ${start} to ${end}` : "",
      ]
        .filter(Boolean)
        .join(" · ");
      if (!marked) {
        fill(text, whole);
        return;
      }
      const { before, inside, after } = cut(whole, start, end);
      const mark = h("mark", { id: "evidence", tabindex: -1 }, inside);
      fill(text, before, mark, after);
      const show = (): void => {
        mark.scrollIntoView({ block: "center" });
        mark.focus({ preventScroll: true });
      };
      fill(
        tools,
        button("Show the sentence", show),
        button("Back", () => history.back()),
      );
      // The page is put in its place before the text is there, or right after: wait for either.
      requestAnimationFrame(show);
    } catch (error) {
      fill(text, failure(error));
    }
  };

  void load();
  return {
    title: "Document",
    element: h(
      "div",
      { class: "page reading" },
      h("header", { class: "head sticky" }, h("div", { class: "title" }, title, about), tools),
      text,
    ),
  };
}
