import type { Goal } from "./shape.ts";

/** Whether a value, Lovage's ratio to the goal's peer or its figure itself, is within the bound. */
export function isMet({ sense, bound }: Goal, value: number): boolean {
  return sense === "least" ? value >= bound : value <= bound;
}

/** A goal for people: `≥ 0.95 of bullmq`, `≤ 130 MB`. */
export function textOf({ to, sense, bound }: Goal, unit: string): string {
  return `${sense === "least" ? "≥" : "≤"} ${bound}${to === undefined ? ` ${unit}` : ` of ${to}`}`;
}
