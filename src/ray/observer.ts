/** Who counts Ray jobs. It must be quick, and must not throw. */
export interface RayObserver {
  /** A task waits for a Ray job from now on. */
  began(task: string): void;
  /** Its program was sent to the cluster, found running there already, or not taken. */
  submitted(task: string, how: "submitted" | "attached" | "refused"): void;
  /** The wait is over. @param verdict `succeeded` or the code of the error */
  ended(task: string, verdict: string): void;
  /** A call to the cluster was not answered, or answered with an error; it may be repeated. */
  callFailed(code: string): void;
}
