import { Problem, send, url } from "./client";
import { Parser } from "./sse";
import type { WorkflowEvent } from "./types";

export type Connection = "connecting" | "live" | "waiting" | "ended" | "refused";

export interface Follower {
  /** The event that the next connection starts after. */
  readonly after: number;
  stop(): void;
}

interface Following {
  execution: string;
  after: number;
  onEvents(events: WorkflowEvent[]): void;
  onConnection?(state: Connection, wait: number): void;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
/** The server says something every 15 seconds; after so many milliseconds of silence nobody is there any more. */
const SILENCE = 45_000;

/** Milliseconds before the connection after `failures` failed ones, with jitter so that readers do not come at once. */
export function backoff(failures: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.max(0, failures - 1));
  return most / 2 + (random() * most) / 2;
}

/**
 * Reads the events of an execution until it ends, from the one after `after` on: none lost, doubled or out of order,
 * whatever becomes of the connection. A tab that nobody sees lets go of its connection (browsers allow six to a
 * server) and catches up when it is looked at again.
 */
export function follow(following: Following): Follower {
  let after = following.after;
  let failures = 0;
  let over = false;
  let connection: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const tell = (state: Connection, wait = 0): void => following.onConnection?.(state, wait);

  const take = (events: WorkflowEvent[]): void => {
    const fresh = events.filter((event) => event.seq > after);
    const last = fresh.at(-1);
    if (!last) return;
    after = last.seq;
    following.onEvents(fresh);
  };

  const again = (): void => {
    connection?.abort();
    failures += 1;
    const wait = backoff(failures);
    tell("waiting", wait);
    timer = setTimeout(connect, wait);
  };

  const connect = (): void => {
    if (over || document.hidden) return;
    const controller = new AbortController();
    connection = controller;
    tell("connecting");
    read(following.execution, after, controller.signal, take, () => {
      failures = 0;
      tell("live");
    }).then(
      (ended) => {
        if (controller.signal.aborted || over) return;
        if (ended) {
          over = true;
          tell("ended");
        } else again();
      },
      (error: unknown) => {
        if (controller.signal.aborted || over) return;
        if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) {
          over = true;
          tell("refused");
        } else again();
      },
    );
  };

  const look = (): void => {
    clearTimeout(timer);
    connection?.abort();
    connect();
  };

  document.addEventListener("visibilitychange", look);
  connect();
  return {
    get after() {
      return after;
    },
    stop() {
      over = true;
      clearTimeout(timer);
      connection?.abort();
      document.removeEventListener("visibilitychange", look);
    },
  };
}

async function read(
  execution: string,
  after: number,
  signal: AbortSignal,
  take: (events: WorkflowEvent[]) => void,
  opened: () => void,
): Promise<boolean> {
  const response = await send(url(`/v1/executions/${execution}/events`), {
    headers: { Accept: "text/event-stream", "Last-Event-ID": String(after) },
    cache: "no-store",
    signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return false;
  opened();
  const parser = new Parser();
  for (;;) {
    const { done, value } = await inTime(reader.read(), SILENCE);
    if (done) return false;
    const messages = parser.push(value);
    take(
      messages.filter((message) => message.event !== "end").map((message) => JSON.parse(message.data) as WorkflowEvent),
    );
    if (messages.some((message) => message.event === "end")) return true;
  }
}

/** What a promise gives, unless it takes too long. */
async function inTime<T>(promise: Promise<T>, most: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The server is silent.")), most);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
