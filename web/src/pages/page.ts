import type { Route } from "../route";

/** A page as the shell shows it. */
export interface PageView {
  title: string;
  element: HTMLElement;
  /** Goes to another place within the page; false where it must be opened anew. */
  update?(route: Route): boolean;
  /** Closes what is open within the page; false where nothing was. */
  escape?(): boolean;
  close?(): void;
}
