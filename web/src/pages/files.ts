import { counted } from "../text/format";
import { button, fill, h } from "../ui/dom";

export interface FilesField {
  element: HTMLElement;
  files(): File[];
}

/** A field for files: choose them, or drop them on it. Several are gathered; a single one replaces the one before. */
export function filesField(id: string, label: string, hint: string, several: boolean): FilesField {
  let files: File[] = [];
  const input = h("input", {
    type: "file",
    id,
    multiple: several,
    "aria-describedby": `${id}-hint`,
    onchange: () => take([...(input.files ?? [])]),
  });
  const list = h("ul", { class: "files", "aria-label": `${label} chosen` });
  const element = h(
    "div",
    {
      class: "field drop",
      ondragover: (event: DragEvent) => {
        event.preventDefault();
        element.dataset["over"] = "yes";
      },
      ondragleave: () => delete element.dataset["over"],
      ondrop: (event: DragEvent) => {
        event.preventDefault();
        delete element.dataset["over"];
        take([...(event.dataTransfer?.files ?? [])]);
      },
    },
    h("label", { for: id }, label),
    input,
    h("p", { class: "hint", id: `${id}-hint` }, hint),
    list,
  );

  const take = (more: File[]): void => {
    if (more.length === 0) return;
    files = several
      ? [...files.filter((file) => !more.some(({ name }) => name === file.name)), ...more]
      : more.slice(0, 1);
    input.value = "";
    show();
  };

  const show = (): void =>
    fill(
      list,
      ...files.map((file) =>
        h(
          "li",
          {},
          h("span", {}, file.name),
          h("span", { class: "quiet" }, counted(file.size, "byte")),
          button(
            "Remove",
            () => {
              files = files.filter((other) => other !== file);
              show();
            },
            { "aria-label": `Remove ${file.name}` },
          ),
        ),
      ),
    );

  return { element, files: () => files };
}
