import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startChild } from "../child.ts";
import type { Missing, Peer } from "../peer.ts";
import { say } from "../say.ts";
import { startClientChild } from "./client-child.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const program = path("../.build/asynq");

const database = 3;
const key = (name: string) => `asynq:{default}:${name}`;

/** Asynq of the version in `asynq/go.mod`, built from its Go module. */
export async function findAsynq(): Promise<Peer | Missing> {
  const folder = path("asynq");
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
  } catch {
    return { name: "asynq", reason: "it is built with Go, and there is no go on this machine" };
  }
  say("building Asynq; the first time fetches its modules …");
  try {
    execFileSync("go", ["build", "-o", program, "."], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    return {
      name: "asynq",
      reason: `go build failed: ${String((error as { stderr: Buffer }).stderr).trim()}`,
    };
  }
  const version = /hibiken\/asynq v(\S+)/.exec(readFileSync(path("asynq/go.mod"), "utf8"))?.[1] ?? "unknown";
  return {
    name: "asynq",
    title: "Asynq",
    version,
    share: 1,
    startClient: (ground) => startClientChild(ground, { name: "asynq-client", command: [program, "client"] }),
    startWorker: (ground, { concurrency }) =>
      startChild(ground, {
        name: "asynq-worker",
        command: [program, "worker", String(concurrency)],
        ready: "line",
      }),
    async hold(ground) {
      const redis = ground.database(database);
      await redis.rename(key("pending"), "held");
      return async () => {
        await redis.rename("held", key("pending"));
      };
    },
    ended: async (ground) => Number(await ground.database(database).get(key("processed"))),
    failed: async (ground) => Number(await ground.database(database).get(key("failed"))),
  };
}
