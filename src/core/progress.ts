/** How far a job is. Programs may add fields of their own. */
export interface Progress {
  /** From 0 to 1; null when it cannot be told. */
  fraction: number | null;
  message: string;
  [detail: string]: unknown;
}

/** Any stored progress as a Progress: BullMQ's own forms are a number of percent and any object. */
export function toProgress(value: unknown): Progress {
  if (typeof value === "number") return { fraction: Math.min(1, Math.max(0, value / 100)), message: "" };
  if (typeof value === "object" && value !== null) {
    const { fraction, message, ...details } = value as Record<string, unknown>;
    return {
      ...details,
      fraction: typeof fraction === "number" ? Math.min(1, Math.max(0, fraction)) : null,
      message: typeof message === "string" ? message : "",
    };
  }
  return { fraction: null, message: typeof value === "string" ? value : "" };
}
