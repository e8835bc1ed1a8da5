import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes what a sentinel is configured with, which it rewrites itself; returns the file. */
export function writeSentinel(
  folder: string,
  given: {
    port: number;
    name: string;
    masterPort: number;
    password: string;
    sentinelPassword: string;
    downAfter: number;
    /** Further lines. */
    configuration?: readonly string[];
  },
): string {
  const { port, name, masterPort, password, sentinelPassword, downAfter, configuration = [] } = given;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "sentinel.conf");
  const lines = [
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${folder}`,
    `requirepass ${sentinelPassword}`,
    `sentinel sentinel-pass ${sentinelPassword}`,
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} 2`,
    `sentinel auth-pass ${name} ${password}`,
    `sentinel down-after-milliseconds ${name} ${downAfter}`,
    `sentinel failover-timeout ${name} 6000`,
    `sentinel parallel-syncs ${name} 1`,
    ...configuration,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}
