import type { Redis } from "ioredis";
import * as z from "zod";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import type { CancellationNotice } from "./cancellation.ts";

const Notice: z.ZodType<CancellationNotice> = z.looseObject({
  queue: z.string(),
  id: z.string(),
  reason: z.string(),
});

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
      subscriber.on("message", (_channel, message) => {
        // Anybody may publish; what is no notice must not end the worker.
        const notice = Notice.safeParse(parseJson(message));
        if (notice.success) onNotice(notice.data);
      });
      await subscriber.connect();
      await subscriber.subscribe(broker.keys.cancellations);
    },
    async stop() {
      subscriber?.disconnect();
    },
  };
}
