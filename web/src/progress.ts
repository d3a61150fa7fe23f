import type { Execution, Status, WorkflowEvent } from "./api/types";

/** How far an execution is. The same events give the same, so a page that was reloaded shows what it showed before. */
export interface Progress {
  status: Status;
  percent: number;
  tokens: number;
  cost: number;
  stages: Map<string, { done: number; total: number }>;
  samples: Sample[];
}

interface Sample {
  at: number;
  percent: number;
}

/** The rate is taken from what happened in the last two minutes before the last event. */
const WINDOW = 120_000;

export function begin(execution: Execution): Progress {
  return {
    status: execution.status,
    percent: execution.percent,
    tokens: execution.tokens,
    cost: execution.cost_usd,
    stages: new Map(),
    samples: [],
  };
}

const STATUS: Record<string, Status> = {
  "execution.started": "running",
  "execution.resumed": "running",
  "execution.recovered": "running",
  "execution.suspended": "suspended",
  "execution.failed": "failed",
  "execution.cancelled": "cancelled",
};

/** Takes one event in. Events that an overview already counted may be told again: nothing falls. */
export function fold(progress: Progress, event: WorkflowEvent): void {
  const { payload } = event;
  const status = event.type === "execution.completed" ? finished(payload["missing"]) : STATUS[event.type];
  if (status) progress.status = status;
  if (status) progress.samples = [];
  if (payload.percent !== undefined) {
    progress.percent = Math.max(progress.percent, payload.percent);
    sample(progress, { at: Date.parse(event.created_at), percent: payload.percent });
  }
  progress.tokens = Math.max(progress.tokens, payload.tokens ?? 0);
  progress.cost = Math.max(progress.cost, payload.cost_usd ?? 0);
  if (payload.stage !== undefined && payload.total) {
    progress.stages.set(payload.stage, { done: payload.done ?? 0, total: payload.total });
  }
}

/** Takes in how far an execution is by another way than its own events: a batch's documents are executions themselves. */
export function reach(progress: Progress, percent: number, now: number): void {
  if (percent <= progress.percent) return;
  progress.percent = percent;
  sample(progress, { at: now, percent });
}

function finished(missing: unknown): Status {
  const some = Array.isArray(missing) ? missing.length > 0 : Number(missing ?? 0) > 0;
  return some ? "completed_with_errors" : "completed";
}

function sample(progress: Progress, next: Sample): void {
  const last = progress.samples.at(-1);
  if (last && last.percent === next.percent) return;
  progress.samples.push(next);
  while (progress.samples.length > 2 && (progress.samples[0]?.at ?? 0) < next.at - WINDOW) progress.samples.shift();
}

/** Seconds until 100 percent at the rate of late, counted from `now`; null where nothing can be said. */
export function secondsLeft(progress: Progress, now: number): number | null {
  const first = progress.samples[0];
  const last = progress.samples.at(-1);
  if (progress.status !== "running" || !first || !last) return null;
  const gained = last.percent - first.percent;
  const took = (last.at - first.at) / 1000;
  if (gained <= 0 || took < 1) return null;
  const left = ((100 - last.percent) * took) / gained - (now - last.at) / 1000;
  return Math.max(0, left);
}

/** Whether nothing more happens unless someone asks for it. */
export function isOver(status: Status): boolean {
  return status !== "pending" && status !== "running" && status !== "suspended";
}
