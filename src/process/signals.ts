/** What a process does when it is told to end. */
export interface SignalHandlers {
  /** The first TERM or INT: end in good order. */
  stop(signal: NodeJS.Signals): void;
  /** Any further one: end at once. */
  kill(signal: NodeJS.Signals): void;
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
  return () => {
    process.off("SIGTERM", listener);
    process.off("SIGINT", listener);
  };
}
