import type { Me, Page } from "./types";

/** An answer that is no success: the API's problem details (RFC 9457), or what stands in their place. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: { field: string; message: string }[] = [],
  ) {
    super(message);
  }
}

const KEY = "lithograph.key";

/** The key stays in this tab: sessionStorage forgets it when the tab is closed. */
export const key = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (value: string): void => sessionStorage.setItem(KEY, value),
  forget: (): void => sessionStorage.removeItem(KEY),
};

let whenUnauthorized: () => void = () => {};

/** Says what happens when the server wants a key that this tab has not. */
export function onUnauthorized(action: () => void): void {
  whenUnauthorized = action;
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** A path with a query; what is null, undefined or empty is left out. */
export function url(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** The answer to one request; throws a Problem for everything but success. */
export async function send(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const secret = key.get();
  if (secret) headers.set("Authorization", `Bearer ${secret}`);
  let response: Response;
  try {
    response = await fetch(path, { ...options, headers, credentials: "omit" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "The server does not answer. Is it running?");
  }
  if (response.ok) return response;
  if (response.status === 401) whenUnauthorized();
  throw await problem(response);
}

async function problem(response: Response): Promise<Problem> {
  const fallback = `The server answered ${response.status}.`;
  try {
    const body = (await response.json()) as {
      title?: string;
      detail?: string;
      errors?: { field: string; message: string }[];
    };
    return new Problem(response.status, body.detail ?? body.title ?? fallback, body.errors ?? []);
  } catch {
    return new Problem(response.status, fallback);
  }
}

export async function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await send(url(path, query), {
    headers: { Accept: "application/json" },
    ...(signal ? { signal } : {}),
  });
  return (await response.json()) as T;
}

export async function post<T>(path: string, body?: unknown): Promise<T> {
  const response = await send(path, {
    method: "POST",
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  return (await response.json()) as T;
}

export async function upload<T>(path: string, file: File): Promise<T> {
  const form = new FormData();
  form.append("file", file, file.name);
  const response = await send(path, { method: "POST", body: form });
  return (await response.json()) as T;
}

/** The items of a list, page by page, until there are no more or `most` of them are there. */
export async function all<T>(path: string, query: Query, most: number, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await get<Page<T>>(path, { ...query, cursor }, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && items.length < most);
  return items;
}

let asked: Promise<Me> | undefined;

/** Who we are and what this server can do; asked once, and again after a new key. */
export function me(): Promise<Me> {
  asked ??= get<Me>("/v1/me").catch((error: unknown) => {
    asked = undefined;
    throw error;
  });
  return asked;
}

export function forgetMe(): void {
  asked = undefined;
}
