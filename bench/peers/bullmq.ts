import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { nodeCommand, startChild } from "../child.ts";
import type { Peer } from "../peer.ts";
import { bullmqKeys } from "./bullmq-keys.ts";
import { startClientChild } from "./client-child.ts";
import { equalWorkerOptions } from "./equal-options.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const { version } = createRequire(import.meta.url)("bullmq/package.json") as { version: string };

/** BullMQ alone, of the version that Lovage stands on and with the options that Lovage gives it. */
export const bullmq: Peer = {
  name: "bullmq",
  title: "raw BullMQ",
  version,
  share: 1,
  startClient: (ground) =>
    startClientChild(ground, { name: "bullmq-client", command: nodeCommand(path("bullmq-client.ts")) }),
  startWorker: (ground, { concurrency, compileCache }) =>
    startChild(ground, {
      name: "bullmq-worker",
      command: nodeCommand(
        path("bullmq-worker.ts"),
        JSON.stringify({ concurrency, ...equalWorkerOptions() }),
      ),
      ready: "message",
      compileCache,
    }),
  ...bullmqKeys,
};
