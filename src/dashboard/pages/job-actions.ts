import { type Request, type Response, Router } from "express";
import { LovageError, toLovageError } from "../../core/errors.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import type { DashboardParts } from "../parts.ts";
import { type JobPlace, placeOf } from "./job-place.ts";
import { jobKey, jobPath } from "./job-table.ts";

type Client = DashboardParts["client"];

/** What can be done with a job, and in which words it is told. */
export const jobActionKinds = {
  cancel: {
    role: "operator",
    run: (client: Client, { queue, id }: JobPlace, by: string) =>
      client.control.cancel(id, { queue, reason: `cancelled by ${by}` }),
  },
  replay: {
    role: "operator",
    run: async (client: Client, { queue, id }: JobPlace) => {
      const replay = await client.deadLetters.replay(id, { queue });
      return replay.id;
    },
  },
  discard: {
    role: "admin",
    run: async (client: Client, { queue, id }: JobPlace) => {
      await client.forget(id, { queue });
      return "discarded";
    },
  },
} as const;

export type JobActionKind = keyof typeof jobActionKinds;

/** In the past tense. */
export const done: Record<JobActionKind, string> = {
  cancel: "cancelled",
  replay: "replayed",
  discard: "discarded",
};

/** What a cancellation answers where there was nothing left to cancel. */
const tooLate = "ended";

/** So many jobs are worked on at once. */
const atOnce = 25;
const mostPicked = 1000;

/** Cancel, replay and discard, of one job and of those that were selected. */
export function jobActions({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();

  async function one(kind: JobActionKind, request: Request, response: Response): Promise<void> {
    const place = placeOf(request);
    const by = request.viewer?.name ?? "";
    const outcome = await jobActionKinds[kind].run(client, place, by);
    if (outcome === tooLate) {
      setFlash(request, "failed", "The job had ended already.");
      return response.redirect(303, jobPath(place));
    }
    await audit(request, { action: `job.${kind}`, target: jobKey(place), details: { outcome } });
    const next = { cancel: place, replay: { ...place, id: outcome }, discard: undefined }[kind];
    setFlash(request, "done", tellOne(kind, place.id, outcome));
    response.redirect(303, next === undefined ? "/jobs" : jobPath(next));
  }

  async function many(kind: JobActionKind, request: Request, response: Response): Promise<void> {
    const places = pickedOf(request.body?.["job"]);
    const by = request.viewer?.name ?? "";
    const { count, faults } = await actOnAll(client, kind, places, by);
    await audit(request, {
      action: `job.${kind}`,
      target: `${places.length} selected jobs`,
      details: { jobs: places.slice(0, 100).map(jobKey), count, faults: faults.length },
    });
    const [first] = faults;
    const text = `${count} of ${places.length} ${done[kind]}`;
    setFlash(
      request,
      first === undefined ? "done" : "failed",
      first === undefined ? text : `${text}; ${first}`,
    );
    const back = String(request.body?.["back"] ?? "");
    // A form could name another site; only a list of ours is gone back to.
    response.redirect(303, /^\/jobs(\?|$)/.test(back) ? back : "/jobs");
  }

  for (const [name, { role }] of Object.entries(jobActionKinds)) {
    const kind = name as JobActionKind;
    router.post(`/jobs/picked/${kind}`, requireRole(role), (request, response) =>
      many(kind, request, response),
    );
    router.post(`/jobs/:queue/:id/${kind}`, requireRole(role), (request, response) =>
      one(kind, request, response),
    );
  }
  return router;
}

/** Does it with each; one that cannot be is told, and stops none of the others. */
export async function actOnAll(
  client: Client,
  kind: JobActionKind,
  places: readonly JobPlace[],
  by: string,
): Promise<{ count: number; faults: string[] }> {
  const faults: string[] = [];
  let count = 0;
  for (let start = 0; start < places.length; start += atOnce) {
    const part = places.slice(start, start + atOnce).map(async (place) => {
      try {
        const outcome = await jobActionKinds[kind].run(client, place, by);
        if (outcome === tooLate) faults.push(`${place.id}: it had ended already`);
        else count += 1;
      } catch (error) {
        faults.push(`${place.id}: ${toLovageError(error).message}`);
      }
    });
    await Promise.all(part);
  }
  return { count, faults };
}

function tellOne(kind: JobActionKind, id: string, outcome: string): string {
  if (kind === "replay") return `This job is the replay of ${id}.`;
  if (outcome === "cancelling") return "The job is being cancelled.";
  return `The job ${id} was ${done[kind]}.`;
}

function pickedOf(given: unknown): JobPlace[] {
  const keys = (Array.isArray(given) ? given : [given]).filter((key) => typeof key === "string");
  if (keys.length === 0 || keys.length > mostPicked) {
    throw new LovageError(
      "INPUT_INVALID",
      keys.length === 0 ? "no job is selected" : "too many are selected",
      {
        field: "job",
        hint: `select 1 to ${mostPicked}`,
      },
    );
  }
  return keys.map((key) => {
    const colon = key.indexOf(":");
    return placeOf({ params: { queue: key.slice(0, colon), id: key.slice(colon + 1) } });
  });
}
