import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Round } from "./fault.ts";
import type { OwnRedis } from "./world.ts";

/** The disk that Redis' data lie on. */
export interface Disk {
  readonly dir: string;
  readonly how: "kill -9" | "power cut";
  /** Ends Redis as the fault does, and brings back what its disk had by then. */
  cut(redis: OwnRedis): Promise<void>;
  remove(): void;
}

/**
 * A disk whose power can be cut: a file system in a file. A copy of that file has what was synced or written back by
 * then, and nothing of what still lay in the kernel's memory; a mere kill would leave that. It needs root and loop
 * devices; without them Redis is killed.
 */
export function openDisk(round: Round): Disk {
  const dir = join(round.folder, "disk");
  mkdirSync(dir);
  const images = [0, 1].map((index) => join(round.folder, `disk-${index}.img`));
  let present = 0;
  const image = () => images[present] ?? "";
  const real = process.getuid?.() === 0 && make(image()) && run("mount", "-o", "loop", image(), dir);
  return {
    dir,
    how: real ? "power cut" : "kill -9",
    async cut(redis) {
      if (!real) return redis.kill();
      redis.pause();
      const before = image();
      present = 1 - present;
      copyFileSync(before, image());
      await redis.kill();
      // Unmounting writes back what the cut must not have had: into the file that is left behind.
      must("umount", dir);
      must("mount", "-o", "loop", image(), dir);
    },
    remove() {
      if (real) run("umount", dir);
    },
  };
}

function make(image: string): boolean {
  return run("truncate", "-s", "128M", image) && run("mkfs.ext4", "-q", image);
}

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } }).status === 0;
}

function must(command: string, ...args: string[]): void {
  if (!run(command, ...args)) throw new Error(`${command} ${args.join(" ")} failed`);
}
