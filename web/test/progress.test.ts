import { describe, expect, it } from "vitest";
import type { Execution, WorkflowEvent } from "../src/api/types";
import { backoff } from "../src/api/follow";
import { begin, fold, secondsLeft } from "../src/progress";

const T0 = Date.parse("2026-01-01T00:00:00Z");
const EXECUTION = { status: "running", percent: 0, tokens: 0, cost_usd: 0 } as Execution;

function event(seq: number, seconds: number, type: string, payload: WorkflowEvent["payload"] = {}): WorkflowEvent {
  return { seq, type, created_at: new Date(T0 + seconds * 1000).toISOString(), payload };
}

describe("progress", () => {
  const events = [
    event(1, 0, "execution.started", { percent: 0 }),
    event(2, 10, "activity.completed", { stage: "mentions", done: 1, total: 10, percent: 10, tokens: 50 }),
    event(3, 20, "activity.completed", {
      stage: "mentions",
      done: 2,
      total: 10,
      percent: 20,
      tokens: 100,
      cost_usd: 0.1,
    }),
  ];

  it("takes the time left from the rate of late", () => {
    const progress = begin(EXECUTION);
    for (const one of events) fold(progress, one);
    expect(progress).toMatchObject({ status: "running", percent: 20, tokens: 100, cost: 0.1 });
    expect(progress.stages.get("mentions")).toEqual({ done: 2, total: 10 });
    expect(secondsLeft(progress, T0 + 20_000)).toBeCloseTo(80);
    expect(secondsLeft(progress, T0 + 30_000)).toBeCloseTo(70);
  });

  it("is the same after a reload that reads the events again, and never falls", () => {
    const progress = begin({ ...EXECUTION, percent: 20, tokens: 100, cost_usd: 0.1 });
    for (const one of [...events, ...events.slice(0, 1)]) fold(progress, one);
    expect(progress).toMatchObject({ percent: 20, tokens: 100, cost: 0.1 });
  });

  it("forgets the rate while nothing runs", () => {
    const progress = begin(EXECUTION);
    for (const one of events) fold(progress, one);
    fold(progress, event(4, 21, "execution.suspended"));
    expect(progress.status).toBe("suspended");
    expect(secondsLeft(progress, T0 + 22_000)).toBeNull();
    fold(progress, event(5, 3600, "execution.resumed", { percent: 20 }));
    expect(secondsLeft(progress, T0 + 3_600_000)).toBeNull();
  });

  it("tells a clean end from one with something missing", () => {
    for (const [missing, status] of [
      [0, "completed"],
      [2, "completed_with_errors"],
    ] as const) {
      const progress = begin(EXECUTION);
      fold(progress, event(1, 0, "execution.completed", { missing, percent: 100 }));
      expect(progress.status).toBe(status);
    }
  });
});

it("waits longer after every failure, never longer than ten seconds, never at once with others", () => {
  expect([1, 2, 3, 4, 5, 6, 60].map((failures) => backoff(failures, () => 1))).toEqual([
    500, 1000, 2000, 4000, 8000, 10_000, 10_000,
  ]);
  expect(backoff(3, () => 0)).toBe(1000);
});
