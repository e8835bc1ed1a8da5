import { readFileSync } from "node:fs";

/** USER_HZ, which Linux shows to programs as 100 on every common machine. */
const ticksPerSecond = 100;

/** CPU time of a process and its living descendants, in seconds. */
export function treeCpuSeconds(pid: number): number {
  return total(pid, (each) => {
    // After the program's name, which may hold spaces: user and system time are the fields 14 and 15 of proc(5).
    const fields = read(each, "stat").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  });
}

/**
 * Resident memory of a process and its living descendants, in bytes. What forked processes share counts once: as much as
 * the one that shares most; without that, a program of many processes would seem larger than it is.
 */
export function treeResidentBytes(pid: number): number {
  let shared = 0;
  const own = total(pid, (each) => {
    const field = (name: string) =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(read(each, "smaps_rollup"))?.[1] ?? 0) * 1024;
    const privately = field("Private_Clean") + field("Private_Dirty");
    shared = Math.max(shared, field("Rss") - privately);
    return privately;
  });
  return own + shared;
}

function total(pid: number, of: (pid: number) => number): number {
  const children = read(pid, `task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.reduce((sum, child) => sum + total(child, of), of(pid) || 0);
}

/** Empty for a process that has just ended. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
