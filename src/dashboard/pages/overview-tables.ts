import { formatMilliseconds } from "../../core/durations.ts";
import type { QueueOverview } from "../../queue/queue-overview.ts";
import type { ScheduleView } from "../../queue/schedule-view.ts";
import type { JobSnapshot } from "../../queue/snapshot.ts";
import type { WorkerView } from "../../queue/workers.ts";
import type { RedisHealth } from "../../task/context.ts";
import { formatBytes } from "../bytes.ts";
import { type Html, html } from "../html.ts";
import { schedulePath } from "../schedules/words.ts";
import { ActionButton, Ago, Breakable, Figure, Figures, JobLink, StateBadge, Table } from "../ui.ts";

export function KeyFigures(props: {
  queues: QueueOverview[];
  workers: WorkerView[];
  redis: RedisHealth;
}): Html {
  const { queues, workers, redis } = props;
  const sum = (count: (queue: QueueOverview) => number) =>
    queues.reduce((all, queue) => all + count(queue), 0);
  const oldest = Math.max(...queues.map(({ oldestMilliseconds }) => oldestMilliseconds ?? -1));
  const living = workers.filter(({ state }) => state !== "dead");
  const slots = living.flatMap(({ queues: served }) => served);
  const ill = (["stuck", "dead"] as const).flatMap((state) => {
    const count = workers.filter((worker) => worker.state === state).length;
    return count > 0 ? [`${count} ${state}`] : [];
  });
  const full = redis.maxBytes > 0 ? redis.usedBytes / redis.maxBytes : 0;
  return html`<${Figures}>
    <${Figure} name="Waiting" value=${count(sum(({ waiting }) => waiting))} />
    <${Figure}
      name="Oldest waiting"
      value=${oldest < 0 ? "–" : formatMilliseconds(oldest)}
    />
    <${Figure}
      name="Active"
      value=${count(sum(({ active }) => active))}
      note=${`of ${slots.reduce((all, { concurrency }) => all + concurrency, 0)} slots`}
    />
    <${Figure} name="Scheduled" value=${count(sum(({ scheduled }) => scheduled))} />
    <${Figure} name="Failed" value=${count(sum(({ failed }) => failed))} />
    <${Figure}
      name="Workers"
      value=${living.length}
      note=${ill.join(", ")}
      alarm=${living.length === 0 || ill.length > 0}
    />
    <${Figure}
      name=${`Redis (${redis.version})`}
      value=${formatBytes(redis.usedBytes)}
      note=${redisNote(redis)}
      alarm=${full > 0.9 || !redis.persistenceOk}
    />
  <//>`;
}

function redisNote({ maxBytes, appendOnly, persistenceOk }: RedisHealth): string {
  if (!persistenceOk) return "its last write to disk failed";
  if (!appendOnly) return "not durable: appendonly is off";
  return maxBytes > 0 ? `of ${formatBytes(maxBytes)}` : "on disk";
}

export function QueueTable({
  queues,
  csrfToken,
}: {
  queues: QueueOverview[];
  csrfToken: string | undefined;
}): Html {
  const rows = queues.map((queue) => {
    const { queue: name, paused, waiting, active, scheduled, waitingChildren, failed } = queue;
    const action = paused ? "resume" : "pause";
    return html`<tr>
      <th scope="row"><a href=${`/jobs?queue=${name}`}>${name}</a></th>
      <td><${StateBadge} state=${paused ? "paused" : "open"} /></td>
      ${[waiting, active, scheduled, waitingChildren, failed].map(
        (figure) => html`<td class="number">${count(figure)}</td>`,
      )}
      <td>${queue.oldestMilliseconds === null ? "–" : formatMilliseconds(queue.oldestMilliseconds)}</td>
      <td class="number">${queue.workers}</td>
      ${
        csrfToken !== undefined &&
        html`<td>
          <${ActionButton}
            action=${`/queues/${name}/${action}`}
            label=${paused ? "Resume" : "Pause"}
            description=${`${paused ? "Resume" : "Pause"} the queue ${name}`}
            csrfToken=${csrfToken}
          />
        </td>`
      }
    </tr>`;
  });
  const head = ["Queue", "State", ...numbers.map(numberHead), "Oldest", numberHead("Workers")];
  return html`<${Table}
    caption="Queues"
    head=${csrfToken === undefined ? head : [...head, ""]}
    rows=${rows}
    empty="No queues."
  />`;
}

const numbers = ["Waiting", "Active", "Scheduled", "Wait for calls", "Failed"];
const numberHead = (name: string) => html`<span class="number">${name}</span>`;

export function RunningTable({ jobs }: { jobs: JobSnapshot[] }): Html {
  return html`<${Table}
    caption="Running jobs"
    head=${["Job", "Worker", "Begun"]}
    rows=${jobs.map(
      (job) => html`<tr>
        <th scope="row"><${JobLink} ...${job} /></th>
        <td>${job.worker ?? "–"}</td>
        <td><${Ago} at=${job.startedAt} /></td>
      </tr>`,
    )}
    empty="Nothing runs."
  />`;
}

export function EndedTable({ jobs }: { jobs: JobSnapshot[] }): Html {
  return html`<${Table}
    caption="Ended without a result"
    head=${["Job", "State", "Ended"]}
    rows=${jobs.map(
      (job) => html`<tr>
        <th scope="row"><${JobLink} ...${job} /></th>
        <td><${StateBadge} state=${job.state} /><br /><code><${Breakable} text=${job.error?.code ?? ""} /></code></td>
        <td><${Ago} at=${job.endedAt} /></td>
      </tr>`,
    )}
    empty="Nothing has failed, expired or been cancelled."
  />`;
}

export function WorkerTable({ workers }: { workers: WorkerView[] }): Html {
  return html`<${Table}
    caption="Workers in short"
    head=${["Worker", "State", "Busy"]}
    rows=${workers.map(({ name, state, why, queues }) => {
      const busy = queues.reduce((all, { active }) => all + active, 0);
      const slots = queues.reduce((all, { concurrency }) => all + concurrency, 0);
      return html`<tr>
        <th scope="row">${name}</th>
        <td><${StateBadge} state=${state} /> ${why && html`<small class="muted">${why}</small>`}</td>
        <td>${busy} of ${slots}</td>
      </tr>`;
    })}
    empty="No worker has run within the last hour. Start one: lovage worker"
  />`;
}

const count = (value: number) => value.toLocaleString("en-US");

export function ScheduleTable({ schedules }: { schedules: ScheduleView[] }): Html {
  const coming = schedules
    .filter(({ next }) => next !== null)
    .toSorted((a, b) => Number(a.next) - Number(b.next))
    .slice(0, 8);
  return html`<${Table}
    caption="Next schedules"
    head=${["Schedule", "Next"]}
    rows=${coming.map(
      ({ name, next }) => html`<tr>
        <th scope="row"><a href=${schedulePath(name)}><${Breakable} text=${name} /></a></th>
        <td><${Ago} at=${next} /></td>
      </tr>`,
    )}
    empty="Nothing is scheduled."
  />`;
}
