import type { Redis } from "ioredis";
import type { Broker } from "./broker.ts";
import type { CancellationNotice } from "./cancellation.ts";

/** Hears of cancellations as they are announced; ioredis subscribes again after a lost connection. */
export interface CancellationListener {
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function listenForCancellations(
  broker: Broker,
  onNotice: (notice: CancellationNotice) => void,
): CancellationListener {
  let subscriber: Redis | undefined;
  return {
    async start() {
      subscriber = broker.duplicate();
      subscriber.on("message", (_channel, message) => onNotice(JSON.parse(message) as CancellationNotice));
      await subscriber.connect();
      await subscriber.subscribe(broker.keys.cancellations);
    },
    async stop() {
      subscriber?.disconnect();
    },
  };
}
