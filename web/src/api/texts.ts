import { send } from "./client";

/** Texts that were read lately; a document's text never changes. */
const read = new Map<string, Promise<string>>();
const KEPT = 8;

/** The extracted text of a document, which all offsets refer to. */
export function textOf(document: string): Promise<string> {
  const known = read.get(document);
  if (known) return known;
  const text = send(`/v1/documents/${encodeURIComponent(document)}/text`, { headers: { Accept: "text/plain" } })
    .then((response) => response.arrayBuffer())
    // `response.text()` would swallow a byte order mark at the beginning, and every offset would be one too high.
    .then((bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  read.set(document, text);
  text.catch(() => read.delete(document));
  for (const oldest of read.keys()) {
    if (read.size <= KEPT) break;
    read.delete(oldest);
  }
  return text;
}
