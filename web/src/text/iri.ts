/** What follows the last "#", "/" or ":" of an IRI; the IRI itself where nothing does. */
export function localName(iri: string): string {
  const end = iri.replace(/[#/:]+$/, "");
  const name = end.slice(Math.max(end.lastIndexOf("#"), end.lastIndexOf("/"), end.lastIndexOf(":")) + 1);
  if (!name) return iri;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Whether following it can do no more than open a page. */
export function isWeb(iri: string): boolean {
  return /^https?:\/\/[^\s]+$/i.test(iri);
}
