import { untilAborted } from "../core/abort.ts";
import { RayError } from "../ray-client-http/index.ts";
import type { RayDefinition } from "../task/definition.ts";
import type { RayClusters } from "./clusters.ts";
import { find, refuseReplaced } from "./find.ts";
import type { RayHost } from "./host.ts";
import { patienceOf, type RayParts, withId } from "./parts.ts";
import { withPatience } from "./patience.ts";
import { parseRecord, type RayRecord, writeRecord } from "./record.ts";
import { buildSubmission, type RayAttempt } from "./submission.ts";

/**
 * The Ray job of an attempt: the one that runs already, or a new one; and what its cluster is.
 * @throws LovageError `RAY_CLUSTER_UNKNOWN`
 */
export async function launch(
  clusters: RayClusters,
  definition: RayDefinition,
  attempt: RayAttempt,
  input: unknown,
  host: RayHost,
): Promise<{ parts: RayParts; record: RayRecord }> {
  const earlier = parseRecord(await host.readRayJob());
  const parts = clusters.of(earlier, attempt.cluster ?? definition.cluster);
  const attached = earlier === undefined ? undefined : await attach(parts, earlier, attempt, host);
  if (attached !== undefined) {
    parts.observer?.submitted(attempt.task, "attached");
    return { parts, record: attached };
  }
  // Where it was to be all the same: the earlier one's submit may still be on its way there.
  return { parts, record: await submit(parts, definition, attempt, input, host) };
}

/**
 * The Ray job of this attempt, or one of an earlier attempt of which nobody knows that it ended (the cluster fell
 * silent): two programs of one job never run at once.
 */
async function attach(
  parts: RayParts,
  earlier: RayRecord,
  attempt: RayAttempt,
  host: RayHost,
): Promise<RayRecord | undefined> {
  if (earlier.settled && earlier.attempt !== attempt.attempt) return undefined;
  // Its verdict is known, and the cluster need not be asked.
  if (earlier.overdue !== undefined) return earlier;
  const known = await find(parts, earlier.submissionId, host);
  if (known !== undefined) {
    withId(host, earlier).logger.info({ status: known.status }, "re-attached to the Ray job");
    return earlier;
  }
  await refuseReplaced(parts, earlier, host);
  // The worker died between recording the submit and sending it.
  return undefined;
}

async function submit(
  parts: RayParts,
  definition: RayDefinition,
  attempt: RayAttempt,
  input: unknown,
  host: RayHost,
): Promise<RayRecord> {
  const { client, programs, settings } = parts;
  // All of it again after a silence: a head that was replaced meanwhile lacks the package, and is another session.
  const patience = { ...patienceOf(host, parts), postponable: host.postponable };
  const record = await withPatience(patience, async ({ signal }) => {
    const [packageUri, { sessionName }] = await Promise.all([
      programs.ensure(definition.program, signal),
      client.version({ signal }),
    ]);
    const submission = buildSubmission(definition, attempt, input, packageUri, settings, parts.trace?.());
    const made: RayRecord = {
      submissionId: submission.submissionId,
      cluster: parts.cluster,
      attempt: attempt.attempt,
      sessionName: sessionName ?? "",
      submittedAt: Date.now(),
      settled: false,
    };
    // Recorded before it is sent: whoever comes after a crash looks for it on the cluster.
    await writeRecord(host, made, {});
    try {
      // Never ended half-way, only left alone: the program may start all the same. The client settles a lost answer by
      // looking, so a repeated call cannot start a second one.
      const { alreadyExisted } = await untilAborted(client.submit(submission), signal);
      const text = alreadyExisted ? "re-attached to the Ray job" : "submitted the Ray job";
      withId(host, made).logger.info({ program: definition.program, cluster: parts.cluster }, text);
      parts.observer?.submitted(attempt.task, alreadyExisted ? "attached" : "submitted");
    } catch (error) {
      const refused = error instanceof RayError && !error.retryable;
      if (refused) {
        parts.observer?.submitted(attempt.task, "refused");
        await writeRecord(host, made, { settled: true });
      }
      throw error;
    }
    return made;
  });
  await host.progress({ fraction: null, message: "submitted to Ray" });
  return record;
}
