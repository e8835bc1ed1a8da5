/** What a worker may be called: BullMQ finds the workers of a queue in Redis' list of clients, which splits at spaces. */
export function isWorkerName(text: string): boolean {
  return /^[\w.@+-]{1,100}$/.test(text);
}

export const workerNameRule = "up to 100 letters, digits and _.@+-";
