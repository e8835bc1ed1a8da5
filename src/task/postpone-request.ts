import { LovageError } from "../core/errors.ts";

/** Ends an attempt that could not begin: the job waits so long and uses none of its attempts. */
export class PostponeRequest extends LovageError {
  readonly milliseconds: number;

  constructor(milliseconds: number, why: string) {
    super("RAY_CLUSTER_DOWN", why);
    this.milliseconds = milliseconds;
  }
}
