import * as z from "zod";
import { LovageError } from "../../core/errors.ts";
import type { Broker } from "../../queue/broker.ts";
import { readManifests } from "../../queue/manifests.ts";
import { builtins } from "../../task/builtin.ts";
import { type Catalogue, type TaskManifest, unknownTask } from "../../task/catalogue.ts";
import { entryOf, type TaskDirectory, type TaskEntry } from "../directory.ts";

export function createDirectory(broker: Broker, catalogue: Catalogue | undefined): TaskDirectory {
  const entries = new Map<string, TaskEntry>();

  function fromManifest(manifest: TaskManifest): TaskEntry {
    // What JSON Schema cannot say (a refinement, a transformation) the worker checks.
    const input = z.fromJSONSchema(manifest.input as Parameters<typeof z.fromJSONSchema>[0]);
    return { name: manifest.name, queue: manifest.queue, retry: manifest.retry, kind: manifest.kind, input };
  }

  return {
    async get(name) {
      const builtin = builtins.get(name);
      if (builtin !== undefined) return entryOf(builtin);
      if (catalogue !== undefined) return entryOf(catalogue.get(name));
      const known = entries.get(name);
      if (known !== undefined) return known;
      const manifests = await readManifests(broker);
      const manifest = manifests.find((candidate) => candidate.name === name);
      if (manifest === undefined) {
        if (manifests.length > 0)
          throw unknownTask(
            name,
            manifests.map((candidate) => candidate.name),
          );
        throw new LovageError(
          "CATALOGUE_EMPTY",
          `no worker has published its tasks in Redis at ${broker.address} yet`,
          {
            hint: "start a worker, or give createClient the catalogue: createClient({ redis, catalogue })",
          },
        );
      }
      const entry = fromManifest(manifest);
      entries.set(name, entry);
      return entry;
    },
    list: () => readManifests(broker),
  };
}
