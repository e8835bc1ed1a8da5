import type { Broker } from "../queue/broker.ts";
import type { Asker } from "../queue/control.ts";
import type { TaskDirectory } from "./directory.ts";

/** How the parts of a client reach Redis and the workers. */
export interface Reach {
  /** @throws LovageError `REDIS_UNAVAILABLE` when it takes longer than the client's timeout */
  bounded<T>(call: (parts: { broker: Broker; directory: TaskDirectory }) => Promise<T>): Promise<T>;
  /** Bounded by its own timeout, and the client's for Redis. */
  ask: Asker["ask"];
  /** Work that may take long: no bound but the connecting's. */
  patiently<T>(call: (parts: { broker: Broker; directory: TaskDirectory }) => Promise<T>): Promise<T>;
}
