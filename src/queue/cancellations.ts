import * as z from "zod";
import { parseJson } from "../core/json.ts";
import type { Broker } from "./broker.ts";
import type { CancellationNotice } from "./cancellation.ts";
import type { Subscriber } from "./subscriber.ts";

const Notice: z.ZodType<CancellationNotice> = z.looseObject({
  queue: z.string(),
  id: z.string(),
  reason: z.string(),
});

/** Hears of cancellations as they are announced, from the subscriber's start on. */
export async function listenForCancellations(
  { keys }: Broker,
  subscriber: Subscriber,
  onNotice: (notice: CancellationNotice) => void,
): Promise<void> {
  await subscriber.hear(keys.cancellations, (message) => {
    // Anybody may publish; what is no notice must not end the worker.
    const notice = Notice.safeParse(parseJson(message));
    if (notice.success) onNotice(notice.data);
  });
}
