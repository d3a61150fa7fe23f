/** Server-sent events, read from the stream of a fetch: EventSource cannot send an Authorization header. */

export interface Message {
  event: string;
  data: string;
  id: string;
}

/**
 * Turns pieces of text, cut anywhere, into messages as the HTML standard says: lines end in LF, CR or CRLF, an empty
 * line dispatches, a line that begins with a colon is a comment, an id that holds NUL is ignored, and a message
 * without data is none. An id holds until the next one.
 */
export class Parser {
  private rest = "";
  private data: string[] = [];
  private event = "";
  private id = "";
  private began = false;

  /** The messages that this piece completes, in order. */
  push(piece: string): Message[] {
    let text = this.rest + piece;
    if (!this.began && text.length > 0) {
      this.began = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    const messages: Message[] = [];
    let from = 0;
    for (;;) {
      const found = lineEnd(text, from);
      if (found === undefined) break;
      const message = this.line(text.slice(from, found.at));
      if (message) messages.push(message);
      from = found.next;
    }
    this.rest = text.slice(from);
    return messages;
  }

  private line(line: string): Message | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const raw = colon < 0 ? "" : line.slice(colon + 1);
    const value = raw.startsWith(" ") ? raw.slice(1) : raw;
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
    return undefined;
  }

  private dispatch(): Message | undefined {
    const { data, event } = this;
    this.data = [];
    this.event = "";
    return data.length > 0 ? { event: event || "message", data: data.join("\n"), id: this.id } : undefined;
  }
}

/** Where the next line ends and the one after it begins; a CR at the very end may be half of a CRLF, so it waits. */
function lineEnd(text: string, from: number): { at: number; next: number } | undefined {
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === "\n") return { at, next: at + 1 };
    if (character === "\r") {
      if (at + 1 === text.length) return undefined;
      return { at, next: text[at + 1] === "\n" ? at + 2 : at + 1 };
    }
  }
  return undefined;
}
