import { onUnauthorized, Problem } from "./api/client";
import { documentPage } from "./pages/document";
import { executionPage } from "./pages/execution";
import { executionsPage } from "./pages/executions";
import type { PageView } from "./pages/page";
import { signInPage } from "./pages/sign-in";
import { startPage } from "./pages/start";
import { parse, type Route } from "./route";
import { Shell } from "./shell";
import { h } from "./ui/dom";
import { failure } from "./ui/notice";

async function pageOf(route: Route): Promise<PageView> {
  switch (route.page) {
    case "executions":
      return executionsPage();
    case "execution":
      return executionPage(route.id);
    case "graph":
      // What draws is most of the code, and is fetched when there is something to draw.
      return (await import("./pages/graph")).graphPage(route);
    case "document":
      return documentPage(route.id, route.start, route.end);
    case "new":
      return startPage();
    case "unknown":
      return broken(new Error("There is no such page."));
  }
}

let signingIn = false;

async function go(): Promise<void> {
  if (signingIn) return;
  const asked = location.hash;
  const route = parse(asked);
  if (shell.update(route)) return;
  const view = await pageOf(route).catch((error: unknown) => broken(error));
  if (location.hash.split("?")[0] === asked.split("?")[0] && !signingIn) shell.show(view, route);
  else view.close?.();
}

function broken(error: unknown): PageView {
  return { title: "Lithograph", element: h("div", { class: "page" }, failure(error)) };
}

function signIn(): void {
  if (signingIn) return;
  signingIn = true;
  shell.show(
    signInPage(() => {
      signingIn = false;
      void open();
    }),
    { page: "unknown" },
  );
}

async function open(): Promise<void> {
  try {
    await shell.greet();
  } catch (error) {
    // Without a key the form is there already; without a server the page says so by itself and tries again.
    if (error instanceof Problem && error.status === 401) return;
    setTimeout(() => void shell.greet().catch(() => undefined), 3000);
  }
  await go();
}

const shell = new Shell(signIn);
onUnauthorized(signIn);
window.addEventListener("hashchange", () => void go());
void open();
