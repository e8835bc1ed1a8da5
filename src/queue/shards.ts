import { LovageError } from "../core/errors.ts";

/**
 * How the keys of an installation are spread: a shard is a hash tag that holds a part of every queue, so that a workflow,
 * its calls and whatever one script touches lie on one node of a cluster. Shard 0, home, also holds what there is once.
 */
export interface ShardMap {
  readonly count: number;
  /** What the keys of each shard begin with. */
  readonly prefixes: readonly string[];
  /** The shard of a job, from its id alone. */
  of(id: string): number;
  /** The shard of what is no job: a task's limit, a deduplication key. */
  ofText(text: string): number;
}

/** More would cost each worker more connections than it has use for. */
export const mostShards = 64;

/** The number of a Redis cluster's slots. */
const slots = 16_384;

/** @param tagged whether keys have hash tags: with more shards than one, and always in a cluster */
export function createShardMap(prefix: string, count: number, tagged: boolean): ShardMap {
  if (!Number.isInteger(count) || count < 1 || count > mostShards) {
    throw new LovageError("INPUT_INVALID", `${count} shards cannot be used`, {
      field: "shards",
      value: count,
      hint: `use a whole number from 1 to ${mostShards}`,
    });
  }
  const prefixes = Array.from({ length: count }, (_, shard) =>
    tagged ? `{${tagOf(prefix, shard, count)}}` : prefix,
  );
  if (count === 1) return { count, prefixes, of: () => 0, ofText: () => 0 };
  const ofText = (text: string) => mixed(text) % count;
  return {
    count,
    prefixes,
    ofText,
    of(id) {
      const tilde = id.indexOf("~");
      if (tilde === -1) return ofText(id);
      // An id that was shortened says its shard: `~3~…`.
      if (tilde === 0) return Number(/^~(\d+)~/.exec(id)?.[1] ?? 0) % count;
      // A schedule's job is added in one transaction with the schedule, which is at home.
      if (/^\d{8}T\d{6}(\.\d+)?Z(~|$)/.test(id.slice(tilde + 1))) return 0;
      // What is made from a job, such as a workflow's calls, is where that is.
      return ofText(id.slice(0, tilde));
    },
  };
}

/**
 * The hash tag of a shard: `lovage:3`, or `lovage:3.1` and so on, the first whose slot lies in the shard's part of all
 * slots. So shards spread evenly over masters that have their slots in ranges, as they have from the start.
 */
function tagOf(prefix: string, shard: number, count: number): string {
  for (let next = 0; ; next += 1) {
    const tag = next === 0 ? `${prefix}:${shard}` : `${prefix}:${shard}.${next}`;
    if (Math.floor((slotOf(tag) * count) / slots) === shard) return tag;
  }
}

/** The slot that Redis gives a hash tag: CRC16 (XMODEM). */
export function slotOf(tag: string): number {
  let crc = 0;
  for (const byte of new TextEncoder().encode(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % slots;
}

/** FNV-1a with MurmurHash3's end, so that ids which differ in their last digit only are spread as well. */
function mixed(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
