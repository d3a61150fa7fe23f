import { onUnauthorized, Problem } from "./api/client";
import { documentPage } from "./pages/document";
import { executionPage } from "./pages/execution";
import { executionsPage } from "./pages/executions";
import { graphPage } from "./pages/graph";
import type { PageView } from "./pages/page";
import { signInPage } from "./pages/sign-in";
import { startPage } from "./pages/start";
import { parse, type Route } from "./route";
import { Shell } from "./shell";
import { h } from "./ui/dom";
import { failure } from "./ui/notice";

function pageOf(route: Route): PageView {
  switch (route.page) {
    case "executions":
      return executionsPage();
    case "execution":
      return executionPage(route.id);
    case "graph":
      return graphPage(route);
    case "document":
      return documentPage(route.id, route.start, route.end);
    case "new":
      return startPage();
    case "unknown":
      return { title: "Lithograph", element: h("div", { class: "page" }, failure(new Error("There is no such page."))) };
  }
}

let signingIn = false;

function go(): void {
  if (signingIn) return;
  const route = parse(location.hash);
  if (!shell.update(route)) shell.show(pageOf(route), route);
}

function signIn(): void {
  if (signingIn) return;
  signingIn = true;
  shell.show(signInPage(() => {
    signingIn = false;
    void open();
  }), { page: "unknown" });
}

async function open(): Promise<void> {
  try {
    await shell.greet();
  } catch (error) {
    // Without a key the form is there already; without a server the page says so by itself and tries again.
    if (error instanceof Problem && error.status === 401) return;
    setTimeout(() => void shell.greet().catch(() => undefined), 3000);
  }
  go();
}

const shell = new Shell(signIn);
onUnauthorized(signIn);
window.addEventListener("hashchange", go);
void open();
