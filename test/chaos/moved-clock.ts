/**
 * Loaded into a process before its program (`node --import`): its clock is wrong by LOVAGE_TEST_CLOCK_AHEAD milliseconds,
 * and by as many as a message `{ clockAhead }` says from then on. What waits (timers, `performance.now()`) is not moved, as
 * it is not where a machine's clock is set.
 */

const RealDate = Date;
let ahead = Number(process.env["LOVAGE_TEST_CLOCK_AHEAD"] ?? 0);

class MovedDate extends RealDate {
  constructor(...given: [] | ConstructorParameters<typeof RealDate>) {
    if (given.length === 0) super(RealDate.now() + ahead);
    else super(...given);
  }
  static override now(): number {
    return RealDate.now() + ahead;
  }
}
globalThis.Date = MovedDate as DateConstructor;

process.on("message", (message: { clockAhead?: number }) => {
  if (message.clockAhead !== undefined) ahead = message.clockAhead;
});
// Only whoever started the process decides how long the channel is open.
process.channel?.unref();
