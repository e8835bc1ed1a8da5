import { z } from "zod";
import { checkId } from "./jobs.ts";
import type { CallOptions } from "./options.ts";
import type { Transport } from "./transport.ts";

/** `/api/v0/actors`, of which nothing else is read. */
const ActorsWire = z.looseObject({
  data: z.looseObject({ result: z.looseObject({ result: z.array(z.looseObject({ state: z.string() })) }) }),
});

/**
 * Whether the actor that starts a Ray job's program and waits for its end is alive. It ends with the program; and a
 * program whose supervisor is gone is ended by Ray's own watcher within a second or so.
 */
export async function isSupervised(
  transport: Transport,
  id: string,
  options?: CallOptions,
): Promise<boolean> {
  const query = new URLSearchParams({
    filter_keys: "name",
    filter_predicates: "=",
    filter_values: `_ray_internal_job_actor_${checkId(id)}`,
  });
  const request = { method: "GET", path: `/api/v0/actors?${query}` } as const;
  const wire = await transport.ask(ActorsWire, request, options);
  return wire.data.result.result.some(({ state }) => state === "ALIVE");
}
