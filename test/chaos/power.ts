import { execFile } from "node:child_process";
import { copyFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Round } from "./fault.ts";
import type { OwnRedis } from "./world.ts";

/** The disk that Redis' data lie on. */
export interface Disk {
  readonly dir: string;
  readonly how: "kill -9" | "power cut";
  /** Ends Redis as the fault does, and brings back what its disk had by then. */
  cut(redis: OwnRedis): Promise<void>;
  remove(): Promise<void>;
}

/**
 * A disk whose power can be cut: a file system in a file. A copy of that file has what was synced or written back by
 * then, and nothing of what still lay in the kernel's memory; a mere kill would leave that. It needs root and loop
 * devices; without them Redis is killed.
 */
export async function openDisk(round: Round): Promise<Disk> {
  const dir = join(round.folder, "disk");
  await mkdir(dir);
  const images = [0, 1].map((index) => join(round.folder, `disk-${index}.img`));
  let present = 0;
  const image = () => images[present] ?? "";
  const root = process.getuid?.() === 0;
  const real = root && (await make(image())) && (await run("mount", "-o", "loop", image(), dir));
  return {
    dir,
    how: real ? "power cut" : "kill -9",
    async cut(redis) {
      if (!real) return redis.kill();
      redis.pause();
      const before = image();
      present = 1 - present;
      await copyAtOnce(before, image());
      await redis.kill();
      // Unmounting writes back what the cut must not have had: into the file that is left behind.
      await must("umount", dir);
      await must("mount", "-o", "loop", image(), dir);
    },
    async remove() {
      if (real) await run("umount", dir);
    },
  };
}

/** Clocks of files tick by some milliseconds; a file that was written so long ago is not being written. */
const fileTick = 20;

/**
 * Copies a file system's file as it was at one moment: again, while the file system writes to it meanwhile. Its journal would
 * be torn, and with it what had been synced before.
 */
async function copyAtOnce(from: string, to: string): Promise<void> {
  for (;;) {
    const { mtimeMs } = await stat(from);
    if (Date.now() - mtimeMs > fileTick) {
      await copyFile(from, to);
      if ((await stat(from)).mtimeMs === mtimeMs) return;
    } else await sleep(fileTick);
  }
}

async function make(image: string): Promise<boolean> {
  return (await run("truncate", "-s", "64M", image)) && (await run("mkfs.ext4", "-q", image));
}

const start = promisify(execFile);

async function run(command: string, ...args: string[]): Promise<boolean> {
  return must(command, ...args).then(
    () => true,
    () => false,
  );
}

async function must(command: string, ...args: string[]): Promise<void> {
  await start(command, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" } });
}
