import { LovageError } from "../core/errors.ts";
import { jobStates } from "../core/states.ts";
import { suggestion } from "../core/suggestion.ts";
import type { JobPage, JobQuery } from "../queue/found-job.ts";
import { refuseUnknown } from "../task/call-options.ts";
import { queueNames } from "../task/queue-names.ts";
import type { Backend } from "./backend.ts";

export interface SearchOptions {
  /** How many jobs a part has at most; 1 to 1000, default 50. */
  limit?: number;
  /** The `cursor` of the part before, with the same query. */
  cursor?: string;
}

/** Searches the jobs of all queues; see {@link Client.search}. */
export type Search = (query?: JobQuery, options?: SearchOptions) => Promise<JobPage>;

const queryFields = {
  id: true,
  task: true,
  tasks: true,
  queue: true,
  states: true,
  tag: true,
  code: true,
  worker: true,
  since: true,
  until: true,
  text: true,
} satisfies Record<keyof JobQuery, true>;

const mostInPart = 1000;
const longestText = 1000;

export function createSearch(backend: () => Promise<Backend>): Search {
  return async (query = {}, options = {}) => {
    checkQuery(query);
    refuseUnknown(options, { limit: true, cursor: true });
    const { limit = 50, cursor } = options;
    if (!Number.isInteger(limit) || limit < 1 || limit > mostInPart)
      throw refused("limit", limit, `use a whole number from 1 to ${mostInPart}`);
    return (await backend()).search(withoutEmpty(query), { limit, cursor });
  };
}

/** @throws LovageError `INPUT_INVALID` */
function checkQuery(query: JobQuery): void {
  refuseUnknown(query, queryFields);
  for (const field of ["id", "task", "tag", "code", "worker", "text"] as const) {
    const value: unknown = query[field];
    if (value === undefined) continue;
    if (typeof value !== "string" || value.length < 1 || value.length > longestText)
      throw refused(field, value, `use a text of 1 to ${longestText} characters, or leave it out`);
  }
  if (query.queue !== undefined) checkName("queue", query.queue, queueNames);
  if (query.states !== undefined && !Array.isArray(query.states))
    throw refused("states", query.states, "use a list of states");
  const { tasks = [] } = query;
  if (!Array.isArray(tasks) || !tasks.every((task) => typeof task === "string"))
    throw refused("tasks", tasks, "use a list of tasks' names");
  for (const state of query.states ?? []) checkName("states", state, jobStates);
  for (const field of ["since", "until"] as const) {
    const value: unknown = query[field];
    if (value === undefined || (value instanceof Date && !Number.isNaN(value.getTime()))) continue;
    throw refused(field, String(value), "use a Date");
  }
  if (query.since !== undefined && query.until !== undefined && query.since >= query.until)
    throw refused("until", query.until.toISOString(), "use a moment after `since`");
}

function checkName(field: string, value: unknown, known: readonly string[]): void {
  if (known.includes(value as string)) return;
  const near = suggestion(String(value), known);
  throw refused(
    field,
    value,
    near === undefined ? `use one of ${known.join(", ")}` : `did you mean ${near}?`,
  );
}

/** A field that is there without a value says nothing; an empty list of states neither. */
function withoutEmpty(query: JobQuery): JobQuery {
  const given = Object.entries(query).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(given);
}

function refused(field: string, value: unknown, hint: string): LovageError {
  return new LovageError("INPUT_INVALID", `${field} is ${JSON.stringify(value)}; ${hint}`, {
    field,
    value,
    hint,
  });
}
