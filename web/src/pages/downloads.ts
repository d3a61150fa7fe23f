import { key, me, send, url } from "../api/client";
import type { ExecutionDetail } from "../api/types";
import { fileName } from "../text/format";
import { button, fill, h } from "../ui/dom";
import { failure } from "../ui/notice";

const ENDING: Record<string, string> = {
  turtle: "ttl",
  trig: "trig",
  "n-quads": "nq",
  nquads: "nq",
  jsonld: "jsonld",
  graphml: "graphml",
  cypher: "cypher",
  csv: "zip",
  json: "json",
};

/** The result in every format that this server writes. */
export function downloads(detail: ExecutionDetail): HTMLElement {
  const list = h("p", { class: "downloads" });
  const trouble = h("div");
  const section = h("section", {}, h("h2", {}, "Result"), list, trouble);
  void me().then(
    ({ formats }) => fill(list, ...formats.map((format) => download(detail, format, trouble))),
    () => undefined,
  );
  return section;
}

function download(detail: ExecutionDetail, format: string, trouble: HTMLElement): HTMLElement {
  const address = url(`/v1/executions/${encodeURIComponent(detail.id)}/result`, { format });
  if (!key.get()) return h("a", { class: "button", href: address, download: true }, format);
  // A link sends no key, so the file is fetched and handed over.
  return button(format, () => {
    fill(trouble);
    fetched(address, `${fileName(detail.source) || detail.id}.${ENDING[format] ?? format}`).catch((error: unknown) =>
      fill(trouble, failure(error)),
    );
  });
}

async function fetched(address: string, name: string): Promise<void> {
  const response = await send(address);
  const given = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  const file = URL.createObjectURL(await response.blob());
  const link = h("a", { href: file, download: given ?? name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(file), 60_000);
}
