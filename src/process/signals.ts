/** What a process does when it is told to end. */
export interface SignalHandlers {
  /** The first TERM or INT: end in good order. */
  stop(signal: NodeJS.Signals): void;
  /** Any further one: end at once. */
  kill(signal: NodeJS.Signals): void;
}

let deafenEarly = () => {};

/**
 * What a TERM or INT does before the process listens by {@link onSignals}. Without it, a container's first process would
 * not hear the signal at all: the kernel spares that one what it has no listener for.
 */
export function onEarlySignal(end: (signal: NodeJS.Signals) => void): void {
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
  deafenEarly = () => {
    process.off("SIGTERM", end);
    process.off("SIGINT", end);
  };
}

/**
 * Listens for TERM and INT. A terminal sends INT to a whole process group and a shell may pass it on once more, so a
 * second one within 300 ms counts as the same wish.
 * @returns a function that stops listening
 */
export function onSignals(handlers: SignalHandlers): () => void {
  let first = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (first === 0) {
      first = Date.now();
      handlers.stop(signal);
    } else if (Date.now() - first > 300) {
      handlers.kill(signal);
    }
  };
  process.on("SIGTERM", listener);
  process.on("SIGINT", listener);
  deafenEarly();
  return () => {
    process.off("SIGTERM", listener);
    process.off("SIGINT", listener);
  };
}
