import { LovageError } from "../core/errors.ts";
import type { Broker } from "./broker.ts";

/** Sets a field of a job while its lock is held. @throws LovageError `LOCK_LOST` */
export async function setHeld(
  { broker, queue }: { broker: Broker; queue: string },
  id: string,
  token: string,
  field: string,
  value: string,
): Promise<void> {
  const { keys, redis } = broker;
  const done = await redis.lovageSetHeld(keys.job(queue, id), keys.lock(queue, id), token, field, value);
  if (done === 0) throw new LovageError("LOCK_LOST", `another worker holds the job ${id} by now`);
}
