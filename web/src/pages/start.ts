import { all, get, me, post, Problem, upload } from "../api/client";
import type { DocumentInfo, Execution, Me, OntologyInfo, Page } from "../api/types";
import { href } from "../route";
import { counted, fileName, moment } from "../text/format";
import { add, fill, h } from "../ui/dom";
import { announce, failure } from "../ui/notice";
import { filesField } from "./files";
import type { PageView } from "./page";
import { settings } from "./start-settings";

/** Documents and an ontology in, an extraction or a batch begun. */
export function startPage(): PageView {
  const message = h("div");
  const documents = filesField(
    "documents",
    "Documents",
    "Text, Markdown, HTML, PDF, DOCX or EML; several of them make a batch.",
    true,
  );
  const ontology = filesField("ontology", "Ontology", "Turtle, RDF/XML, JSON-LD or N-Triples.", false);
  const known = h("select", { id: "known-ontology" }, h("option", { value: "" }, "the file above"));
  const knownDocuments = h(
    "fieldset",
    { class: "known", hidden: true },
    h("legend", {}, "Documents that are here already"),
  );
  const options = settings();
  const begin = h("button", { type: "submit", class: "primary" }, "Start");
  const form = h(
    "form",
    { class: "start", onsubmit: (event: SubmitEvent) => void submit(event), novalidate: true },
    documents.element,
    knownDocuments,
    ontology.element,
    h(
      "div",
      { class: "field", hidden: true },
      h("label", { for: "known-ontology" }, "or one that is here already"),
      known,
    ),
    options.element,
    message,
    h("div", { class: "tools" }, begin),
  );

  const chosen = (): string[] =>
    [...knownDocuments.querySelectorAll<HTMLInputElement>("input:checked")].map((input) => input.value);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const trouble = complaint(
      documents.files().length + chosen().length,
      ontology.files().length > 0 || known.value !== "",
    );
    if (trouble) {
      fill(message, failure(new Error(trouble)));
      return;
    }
    begin.disabled = true;
    try {
      const hash =
        known.value || (await given<OntologyInfo>("/v1/ontologies", ontology.files(), message))[0]?.content_hash;
      const added = await given<DocumentInfo>("/v1/documents", documents.files(), message);
      const ids = [...new Set([...chosen(), ...added.map(({ id }) => id)])];
      fill(message, h("p", { class: "quiet" }, "Starting …"));
      const common = { ontology: hash, ...options.values() };
      const execution =
        ids.length === 1
          ? await post<Execution>("/v1/extractions", { document: ids[0], ...common })
          : await post<Execution>("/v1/batches", { documents: ids, ...common });
      location.hash = href({ page: "execution", id: execution.id });
    } catch (error) {
      fill(message, failure(error));
      begin.disabled = false;
    }
  };

  void me().then(
    (who) => options.offer(who),
    () => undefined,
  );
  void offer(known, knownDocuments);
  return {
    title: "New extraction",
    element: h("div", { class: "page narrow" }, h("header", { class: "head" }, h("h1", {}, "New extraction")), form),
  };
}

function complaint(documents: number, ontology: boolean): string | undefined {
  if (documents === 0) return "Choose at least one document.";
  return ontology ? undefined : "Choose an ontology: a file, or one that is here already.";
}

/** Gives these files to the server, one after the other, and says which one it is at. */
async function given<T>(path: string, files: File[], message: HTMLElement): Promise<T[]> {
  const { max_upload_bytes: most }: Me = await me();
  const answers: T[] = [];
  for (const [index, file] of files.entries()) {
    const text = `Uploading ${file.name} (${index + 1} of ${files.length}) …`;
    fill(message, h("p", { class: "quiet" }, text));
    announce(text);
    if (most && file.size > most)
      throw new Error(`${file.name} has ${file.size} bytes; this server takes ${most} at most.`);
    try {
      answers.push(await upload<T>(path, file));
    } catch (error) {
      if (error instanceof Problem) throw new Problem(error.status, `${file.name}: ${error.message}`, error.fields);
      throw error;
    }
  }
  return answers;
}

/** Offers what was given before. */
async function offer(known: HTMLSelectElement, documents: HTMLElement): Promise<void> {
  const [ontologies, texts] = await Promise.allSettled([
    all<OntologyInfo>("/v1/ontologies", { limit: 100 }, 200),
    get<Page<DocumentInfo>>("/v1/documents", { limit: 20 }),
  ]);
  if (ontologies.status === "fulfilled" && ontologies.value.length > 0) {
    for (const { content_hash, source, given_at } of ontologies.value) {
      known.append(
        h(
          "option",
          { value: content_hash, title: content_hash },
          [fileName(source), moment(given_at)].filter(Boolean).join(", "),
        ),
      );
    }
    known.parentElement?.removeAttribute("hidden");
  }
  if (texts.status === "fulfilled" && texts.value.items.length > 0) {
    documents.hidden = false;
    for (const { id, source, characters } of texts.value.items) {
      const box = h("input", { type: "checkbox", value: id });
      add(
        documents,
        h(
          "label",
          { title: source },
          box,
          ` ${fileName(source)} `,
          h("span", { class: "quiet" }, counted(characters, "character")),
        ),
      );
    }
  }
}
