import { createCatalogue, defineTask, type Hooks, LovageError, type TasksOf } from "lovage/tasks";
import * as z from "zod";
import { type Log, openLog } from "./log.ts";
import { trace } from "./trace.ts";

// What tasks find as `context.dependencies`; made once a worker, disposed of when it has stopped.
declare module "lovage/tasks" {
  interface Dependencies {
    log: Log;
  }
}
export const dependencies = async () => ({ log: await openLog() });
export const dispose = ({ log }: { log: Log }) => log.close();

const Tenant = z.strictObject({ tenant: z.string() });

const ship = defineTask({
  name: "shop.ship",
  queue: "default",
  input: Tenant,
  output: z.string(),
  async run({ tenant }, context) {
    context.dependencies.log.write(`ship for ${tenant} in trace ${trace.getStore()}`);
    return trace.getStore() ?? "no trace";
  },
});

const order = defineTask({
  name: "shop.order",
  queue: "default",
  input: Tenant,
  output: z.strictObject({ shipping: z.string() }),
  run: async ({ tenant }, context) => ({ shipping: await context.enqueue("shop.ship", { tenant }) }),
});

export const catalogue = createCatalogue([order, ship]);
export type Tasks = TasksOf<typeof catalogue>;

/** The worker's hooks: the first is outermost. */
export const hooks: readonly Hooks[] = [
  { aroundRun: (run, next) => trace.run(run.job.headers["trace"] ?? "none", next) },
  {
    beforeRun({ input }) {
      const { tenant } = input as { tenant: string };
      if (tenant === "closed") throw new LovageError("TENANT_CLOSED", `${tenant} is no customer any more`);
    },
    onFailure: (run, error) => run.dependencies.log.write(`${run.job.task} failed: ${error.code}`),
    onReady: (worker) => worker.dependencies.log.write(`${worker.name} is ready`),
  },
];
