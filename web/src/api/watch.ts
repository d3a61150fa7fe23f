import { begin, fold, isOver, type Progress } from "../progress";
import { get, Problem } from "./client";
import { backoff, follow, type Connection, type Follower } from "./follow";
import type { ExecutionDetail, WorkflowEvent } from "./types";

export interface Watching {
  /** How many of the events that are there already are told again. */
  tail: number;
  onDetail(detail: ExecutionDetail, progress: Progress): void;
  onProgress(progress: Progress, events: WorkflowEvent[]): void;
  onConnection?(state: Connection, wait: number): void;
  onFailure(error: unknown): void;
}

export interface Watcher {
  /** Reads the overview again, and follows again what has come back to life. */
  refresh(): void;
  stop(): void;
}

/** Overviews are read at most this often while events arrive. */
const PAUSE = 1000;
/** A batch hears of its documents when they end; how far they are stands in the overview only. */
const BATCH_PAUSE = 2000;

/**
 * One execution as it goes on: its overview first, then its events as they happen. Everything shown comes from these
 * two, so neither a reload of the page nor a restart of the server loses anything.
 */
export function watch(id: string, watching: Watching): Watcher {
  const stopping = new AbortController();
  let progress: Progress | undefined;
  let follower: Follower | undefined;
  let following = false;
  let due: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const load = async (): Promise<void> => {
    due = undefined;
    try {
      const detail = await get<ExecutionDetail>(`/v1/executions/${encodeURIComponent(id)}`, {}, stopping.signal);
      failures = 0;
      if (stopping.signal.aborted) return;
      const before = progress;
      progress = { ...(before ?? begin(detail)), status: detail.status };
      progress.percent = Math.max(progress.percent, detail.percent);
      progress.tokens = Math.max(progress.tokens, detail.tokens);
      progress.cost = Math.max(progress.cost, detail.cost_usd);
      watching.onDetail(detail, progress);
      if (detail.type === "batch_extraction" && detail.status === "running") schedule(BATCH_PAUSE);
      if (!following && (!before || !isOver(detail.status)))
        attach(follower?.after ?? Math.max(0, detail.last_seq - watching.tail));
    } catch (error) {
      if (stopping.signal.aborted) return;
      watching.onFailure(error);
      if (!(error instanceof Problem) || error.status === 0 || error.status >= 500 || error.status === 429) {
        failures += 1;
        schedule(backoff(failures));
      }
    }
  };

  const schedule = (wait: number): void => {
    due ??= setTimeout(() => void load(), wait);
  };

  const attach = (after: number): void => {
    following = true;
    follower?.stop();
    follower = follow({
      execution: encodeURIComponent(id),
      after,
      onEvents(events) {
        if (!progress) return;
        for (const event of events) fold(progress, event);
        watching.onProgress(progress, events);
        if (events.some((event) => !event.type.endsWith(".found"))) schedule(PAUSE);
      },
      onConnection(state, wait) {
        if (state === "ended" || state === "refused") {
          following = false;
          schedule(0);
        }
        watching.onConnection?.(state, wait);
      },
    });
  };

  void load();
  return {
    refresh() {
      clearTimeout(due);
      void load();
    },
    stop() {
      stopping.abort();
      clearTimeout(due);
      follower?.stop();
    },
  };
}
