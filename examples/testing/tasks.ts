import { createCatalogue, defineRayTask, defineTask } from "lovage/tasks";
import * as z from "zod";

export const sendReceipt = defineTask({
  name: "shop.send_receipt",
  queue: "default",
  input: z.strictObject({ to: z.email(), total: z.number() }),
  output: z.null(),
  async run({ to, total }, context) {
    context.logger.info({ to, total }, "sent");
    return null;
  },
});

export const checkOut = defineTask({
  name: "shop.check_out",
  queue: "default",
  input: z.strictObject({ email: z.email(), prices: z.array(z.number()).min(1) }),
  output: z.strictObject({ total: z.number() }),
  retry: { attempts: 5, backoff: "10s" },
  async run({ email, prices }, context) {
    // The bank's machine is slow to wake up.
    if (context.job.attempt === 1) throw context.retry({ delay: "30s", reason: "the bank is asleep" });
    await context.progress({ fraction: 0.5, message: "paid" });
    const total = prices.reduce((sum, price) => sum + price);
    await context.enqueue("shop.send_receipt", { to: email, total }, { id: `receipt-${context.job.id}` });
    return { total };
  },
});

export const forecast = defineRayTask({
  name: "shop.forecast",
  queue: "ml",
  program: "forecast.py",
  input: z.strictObject({ days: z.number() }),
  output: z.strictObject({ sales: z.array(z.number()) }),
});

export const catalogue = createCatalogue([sendReceipt, checkOut, forecast]);
