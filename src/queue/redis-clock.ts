/** Redis' clock as this process reckons it: from what Redis said, by a clock of the machine's that nobody sets. */
export interface RedisClock {
  /** Milliseconds since 1970; this machine's own clock until Redis was heard. */
  now(): number;
  /** Milliseconds by which Redis' clock is ahead of this machine's. */
  offset(): number;
  /** Takes what Redis said between the two moments of `performance.now()`. */
  hear(said: number, asked: number, answered: number): void;
}

export function createRedisClock(): RedisClock {
  /** Redis' time less `performance.now()`, and by how much that may be wrong. */
  let reckoned: { zero: number; doubt: number } | undefined;
  const now = () => (reckoned === undefined ? Date.now() : Math.round(reckoned.zero + performance.now()));
  return {
    now,
    offset: () => (reckoned === undefined ? 0 : now() - Date.now()),
    hear(said, asked, answered) {
      const heard = { zero: said - (asked + answered) / 2, doubt: (answered - asked) / 2 + 1 };
      // An answer that was long on its way tells little, unless it says that Redis' clock was set.
      const agrees = reckoned !== undefined && Math.abs(heard.zero - reckoned.zero) <= heard.doubt;
      if (reckoned === undefined || !agrees || heard.doubt <= reckoned.doubt) reckoned = heard;
      // The two clocks drift apart, so what was known exactly once is not for ever.
      else reckoned.doubt += 1;
    },
  };
}
