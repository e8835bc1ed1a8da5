import type { tasks } from "../../contract/tasks.ts";
import { LovageError } from "../../core/errors.ts";
import { unknownTask } from "../../task/catalogue.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** What can be enqueued, and its limits. */
export function taskHandlers({ client }: DashboardParts): Handlers<keyof typeof tasks> {
  return {
    async listTasks() {
      return { tasks: await client.tasks() };
    },
    async getTask({ params: { name } }) {
      const manifests = await client.tasks();
      const manifest = manifests.find((candidate) => candidate.name === name);
      if (manifest !== undefined) return manifest;
      if (manifests.length === 0)
        throw new LovageError("CATALOGUE_EMPTY", "no worker has published its tasks yet", {
          hint: "start a worker",
        });
      throw unknownTask(
        name,
        manifests.map((candidate) => candidate.name),
      );
    },
    setRateLimit: ({ params: { name }, body: { rate, ...asked } }) =>
      client.control.rateLimit(name, rate, given(asked)),
    setTimeLimit: ({ params: { name }, body: { limit, ...asked } }) =>
      client.control.timeLimit(name, given(limit), given(asked)),
  };
}
