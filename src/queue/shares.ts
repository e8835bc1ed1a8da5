/** How much of a queue's work lies in one shard. */
export interface ShardLoad {
  /** Jobs of the shard that this worker runs. */
  active: number;
  /** Jobs of the shard that could start now, as far as is known. */
  waiting: number;
}

/**
 * Deals a worker's slots among shards: first one after another to those with work, as long as they have any for them,
 * then what is left evenly, so that as many as possible listen for new jobs.
 * @param turn which shard is served first
 */
export function dealSlots(slots: number, loads: readonly ShardLoad[], turn: number): number[] {
  const shares = loads.map(() => 0);
  const wanted = loads.map(({ active, waiting }) => active + waiting);
  const order = loads.map((_, index) => (index + turn) % loads.length);
  let left = slots;
  const goRound = (mayHave: (shard: number) => boolean): boolean => {
    const before = left;
    for (const shard of order) {
      if (left === 0 || !mayHave(shard)) continue;
      shares[shard] = (shares[shard] ?? 0) + 1;
      left -= 1;
    }
    return left < before;
  };
  while (goRound((shard) => (shares[shard] ?? 0) < (wanted[shard] ?? 0)));
  while (goRound(() => true));
  return shares;
}

/**
 * The next step from shares that are to those that are dealt. A slot is taken up only when it is free: a shard that has
 * more jobs running than its share keeps their slots until they end.
 */
export function nextShares(
  slots: number,
  now: readonly { share: number; active: number }[],
  dealt: readonly number[],
): number[] {
  const lowered = now.map(({ share }, shard) => Math.min(share, dealt[shard] ?? 0));
  let free = now.reduce((left, { active }, shard) => left - Math.max(active, lowered[shard] ?? 0), slots);
  return lowered.map((share, shard) => {
    const active = now[shard]?.active ?? 0;
    // Those that run already hold their slots.
    const target = dealt[shard] ?? 0;
    const raised = Math.min(target, Math.max(share, active) + Math.max(0, free));
    if (raised <= share) return share;
    free -= Math.max(0, raised - Math.max(share, active));
    return raised;
  });
}
