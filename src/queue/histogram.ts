/**
 * How lengths of time are counted so that quantiles of many workers can be told: by buckets whose bounds grow by the
 * fourth root of two. Bucket 0 holds up to 1 ms, bucket n up to 2^(n/4) ms.
 */
const perDoubling = 4;

/** The last one holds all above 2^31 ms, which is 24 days. */
export const bucketCount = 31 * perDoubling + 1;

/** By how much at most a quantile differs from the exact one: 9.1 % of it, or half a millisecond below 1 ms. */
export const quantileError = { relative: 2 ** (1 / (2 * perDoubling)) - 1, milliseconds: 0.5 } as const;

export function bucketOf(milliseconds: number): number {
  // What is no length of time (clocks may disagree) is none at all.
  if (!(milliseconds > 1)) return 0;
  return Math.min(Math.ceil(Math.log2(milliseconds) * perDoubling), bucketCount - 1);
}

/** The length of time that stands for a bucket: in the middle of it, by proportion. */
function middleOf(bucket: number): number {
  return bucket === 0 ? 0.5 : 2 ** ((bucket - 0.5) / perDoubling);
}

/**
 * The length of time below or at which a share of those counted lies, as the nearest rank.
 * @param share from 0 to 1
 * @returns milliseconds, within {@link quantileError} of the exact ones up to 2^31 ms; null when nothing was counted
 */
export function quantile(buckets: ArrayLike<number>, share: number): number | null {
  let total = 0;
  for (let bucket = 0; bucket < buckets.length; bucket += 1) total += buckets[bucket] ?? 0;
  if (total === 0) return null;
  let left = Math.max(1, Math.ceil(share * total));
  for (let bucket = 0; bucket < buckets.length; bucket += 1) {
    left -= buckets[bucket] ?? 0;
    if (left <= 0) return middleOf(bucket);
  }
  return middleOf(buckets.length - 1);
}
