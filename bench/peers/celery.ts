import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "../child.ts";
import type { Missing, Peer } from "../peer.ts";
import { startClientChild } from "./client-child.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const python = path("../.venv/bin/python");
const program = path("celery_app.py");
// It warns of workers that root starts.
const environment = { PYTHONWARNINGS: "ignore" };

const queue = "celery";
const broker = 1;
const results = 2;

/** Celery with Redis for messages and results, prefork workers with `-O fair`, acknowledging late as BullMQ does. */
export async function findCelery(): Promise<Peer | Missing> {
  if (!existsSync(python))
    return { name: "celery", reason: "scripts/bench.sh installs it, into bench/.venv" };
  const ask = "import importlib.metadata as m; print(m.version('celery'))";
  const version = execFileSync(python, ["-c", ask], { encoding: "utf8" }).trim();
  return {
    name: "celery",
    title: "Celery",
    version,
    share: 0.15,
    startClient: (ground) =>
      startClientChild(ground, { name: "celery-client", command: [python, program, "client"], environment }),
    startWorker: (ground, { concurrency }) =>
      startChild(ground, {
        name: "celery-worker",
        command: [python, program, "worker", String(concurrency)],
        ready: "line",
        environment,
      }),
    async hold(ground) {
      const redis = ground.database(broker);
      await redis.rename(queue, "held");
      return async () => {
        await redis.rename("held", queue);
      };
    },
    // Each result is a key, and nothing else is in that database.
    ended: (ground) => ground.database(results).dbsize(),
    async failed(ground) {
      const redis = ground.database(results);
      const one = await redis.randomkey();
      const result = one === null ? null : await redis.get(one);
      return result === null || result.includes('"SUCCESS"') ? 0 : 1;
    },
  };
}
