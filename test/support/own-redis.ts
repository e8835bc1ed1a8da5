import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LocalRedis, startValkey, type ValkeyOptions } from "../../src/dev/valkey.ts";
import { freePort } from "./free-port.ts";

/** A Redis that one test may stop, kill or pause. */
export async function startOwnRedis(
  options: Pick<ValkeyOptions, "appendOnly" | "configuration"> & {
    /** Where its data lie, and stay when it is removed. Default: a folder of its own. */
    dir?: string;
  } = {},
): Promise<LocalRedis & { pause(): void; resume(): void; remove(): Promise<void> }> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "lovage-own-redis-"));
  // Users outlive a restart.
  const users = join(dir, "users.acl");
  writeFileSync(users, "");
  const redis = await startValkey({
    appendOnly: options.appendOnly ?? true,
    configuration: [`aclfile ${users}`, ...(options.configuration ?? [])],
    port: await freePort(),
    dir,
    path: process.env["PATH"],
    server: process.env["LOVAGE_TEST_REDIS_SERVER"],
  });
  // The process may be another after a restart.
  const signal = (name: NodeJS.Signals) => void process.kill(redis.pid, name);
  return {
    get url() {
      return redis.url;
    },
    get pid() {
      return redis.pid;
    },
    port: redis.port,
    password: redis.password,
    stop: () => redis.stop(),
    kill: () => redis.kill(),
    restart: () => redis.restart(),
    pause: () => signal("SIGSTOP"),
    resume: () => signal("SIGCONT"),
    async remove() {
      await redis.stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}
