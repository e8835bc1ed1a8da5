/** How late the event loop of this process is. */
export interface LagWatch {
  /** How late it was at most within the last ten seconds, in milliseconds. */
  lag(): number;
  start(): void;
  stop(): void;
}

/** How often the lateness of the event loop is looked at, in milliseconds. */
export const lookInterval = 500;

/** How many looks the greatest lateness is remembered for. */
const looks = 20;

/** @param onLook called at each look, every 500 ms */
export function createLagWatch(onLook: () => void = () => {}): LagWatch {
  const lags: number[] = [];
  let lastLook = 0;
  let timer: NodeJS.Timeout | undefined;

  const lateness = () =>
    timer === undefined ? 0 : Math.max(0, Math.round(performance.now() - lastLook - lookInterval));

  function look(): void {
    lags.push(lateness());
    if (lags.length > looks) lags.shift();
    lastLook = performance.now();
    onLook();
  }

  return {
    // Who asks right after a long hold may come before the look that is late.
    lag: () => Math.max(0, lateness(), ...lags),
    start() {
      if (timer !== undefined) return;
      lastLook = performance.now();
      timer = setInterval(look, lookInterval).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
