/** Offsets of the API count code points; a JavaScript string counts UTF-16 units. These say the one in the other. */

/** The UTF-16 index of the code point at `offset`, looked for from `from` on, which is the index of `fromOffset`. */
export function indexOf(text: string, offset: number, from = 0, fromOffset = 0): number {
  let index = from;
  for (let passed = fromOffset; passed < offset && index < text.length; passed++) {
    const unit = text.charCodeAt(index);
    const pair = unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(index + 1));
    index += pair ? 2 : 1;
  }
  return index;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** The text before, in and after a span of code points. */
export function cut(text: string, start: number, end: number): { before: string; inside: string; after: string } {
  const from = indexOf(text, start);
  const to = indexOf(text, Math.max(start, end), from, start);
  return { before: text.slice(0, from), inside: text.slice(from, to), after: text.slice(to) };
}

/** As `cut`, but with no more than about `reach` units on each side, ending at a paragraph or between words. */
export function around(text: string, start: number, end: number, reach = 220): ReturnType<typeof cut> {
  const { before, inside, after } = cut(text, start, end);
  return { before: tail(before, reach), inside, after: head(after, reach) };
}

function tail(text: string, reach: number): string {
  const paragraph = text.lastIndexOf("\n\n");
  const own = paragraph < 0 ? text : text.slice(paragraph + 2);
  if (own.length <= reach) return own;
  const kept = own.slice(-reach);
  return `… ${kept.slice(kept.search(/\s/) + 1)}`;
}

function head(text: string, reach: number): string {
  const paragraph = text.indexOf("\n\n");
  const own = paragraph < 0 ? text : text.slice(0, paragraph);
  if (own.length <= reach) return own;
  const kept = own.slice(0, reach);
  return `${kept.replace(/\s\S*$/, "")} …`;
}
