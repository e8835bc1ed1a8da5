import { toMilliseconds } from "../../core/durations.ts";
import { withDeadline } from "../../queue/connection.ts";
import type { Asker } from "../../queue/control.ts";
import type { ClientParts, Connection } from "./connection.ts";

/** How a client reaches Redis and the workers. */
export interface Reach extends Pick<Connection, "bounded"> {
  /** Bounded by its own timeout, and the client's for Redis. */
  ask: Asker["ask"];
  /** Work that may take long: no bound but the connecting's. */
  patiently<T>(call: (parts: ClientParts) => Promise<T>): Promise<T>;
}

export function createReach({ bounded, parts }: Connection): Reach {
  return {
    bounded,
    patiently: async (call) => call(await parts()),
    async ask(command, args, options) {
      const { asker, broker, timeout } = await parts();
      const within = toMilliseconds(options?.timeout ?? 0, "timeout") + timeout;
      return withDeadline(asker.ask(command, args, options), within, broker.address);
    },
  };
}
