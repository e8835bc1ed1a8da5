/** Whatever lives for a while. `start` resolves when it serves; `stop` is safe to call twice, and before `start`. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}
