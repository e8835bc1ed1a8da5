import { LovageError } from "../core/errors.ts";
import { toMoment } from "../core/moments.ts";
import { type JobState, jobStates } from "../core/states.ts";
import type { JobQuery } from "../queue/found-job.ts";
import { type QueueName, queueNames } from "../task/definition.ts";

/** What a search form asks for, as it was typed; what is not there is not asked for. */
export type JobFields = Partial<
  Record<"text" | "id" | "task" | "queue" | "state" | "tag" | "code" | "worker" | "since" | "until", string>
>;

const names = ["text", "id", "task", "queue", "state", "tag", "code", "worker", "since", "until"] as const;

/** The fields of a form, from a URL or a body. */
export function readFields(form: unknown): JobFields {
  const values = (form ?? {}) as Record<string, unknown>;
  const fields: JobFields = {};
  for (const name of names) {
    const given = values[name];
    // A URL may name several states, one by one.
    const value = Array.isArray(given) ? given.join(",") : given;
    if (typeof value === "string" && value.trim() !== "") fields[name] = value.trim();
  }
  return fields;
}

/** @throws LovageError `INPUT_INVALID` with the field at fault */
export function toQuery(fields: JobFields): JobQuery {
  const { queue, state, since, until, ...rest } = fields;
  return {
    ...rest,
    ...(queue !== undefined && { queue: oneOf<QueueName>("queue", queue, queueNames) }),
    ...(state !== undefined && {
      states: state.split(",").map((one) => oneOf<JobState>("state", one.trim(), jobStates)),
    }),
    ...(since !== undefined && { since: toMoment(since, "since") }),
    ...(until !== undefined && { until: toMoment(until, "until") }),
  };
}

/** The search as a URL that can be shared. */
export function toUrl(path: string, fields: JobFields, more: Record<string, string> = {}): string {
  const text = new URLSearchParams({ ...fields, ...more }).toString();
  return text === "" ? path : `${path}?${text}`;
}

function oneOf<T extends string>(field: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const hint = `use one of ${known.join(", ")}`;
  throw new LovageError("INPUT_INVALID", `there is no ${field} ${JSON.stringify(value)}`, {
    field,
    value,
    hint,
  });
}
