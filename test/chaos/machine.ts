import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { findRedisServer } from "../../src/dev/valkey.ts";
import type { Need } from "./fault.ts";

/** What the faults run on. */
export interface Machine {
  cpus: number;
  memoryGiB: number;
  node: string;
  /** The server's name and version, as it tells it. */
  redis: string;
  /** Why a need is not met; undefined when it is. */
  lacks(need: Need): string | undefined;
}

const venv = fileURLToPath(new URL("../../.venv/bin/", import.meta.url));

const labPrograms = ["debootstrap", "dockerd", "docker-compose", "iptables", "rsync", "sshd"];

function isThere(program: string): boolean {
  return ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/sbin"].some((folder) =>
    existsSync(`${folder}/${program}`),
  );
}

const needs: Record<Need, { what: string; met: () => boolean }> = {
  root: { what: "it needs root", met: () => process.getuid?.() === 0 },
  docker: {
    what: "it needs Docker",
    met: () => spawnSync("docker", ["info"], { timeout: 10_000 }).status === 0,
  },
  lab: {
    what: "it needs root, and the packages that test/deploy/lab/install-packages.sh installs",
    met: () => process.getuid?.() === 0 && labPrograms.every(isThere),
  },
  ray: { what: "it needs Ray in .venv", met: () => existsSync(`${venv}ray`) },
  python: { what: "it needs Python in .venv", met: () => existsSync(`${venv}python`) },
};

export function readMachine(): Machine {
  const server = process.env["LOVAGE_TEST_REDIS_SERVER"] ?? findRedisServer(process.env["PATH"]);
  const told = server === undefined ? "" : spawnSync(server, ["--version"], { encoding: "utf8" }).stdout;
  const [, name = "no server", version = ""] = /^(\S+).*v=(\S+)/.exec(told) ?? [];
  return {
    cpus: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    redis: `${name} ${version}`.trim(),
    lacks: (need) => (needs[need].met() ? undefined : needs[need].what),
  };
}
