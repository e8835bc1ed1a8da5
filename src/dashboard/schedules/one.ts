import type { BackfilledTime, ScheduleView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { type Html, html } from "../html.ts";
import { Moment } from "../moments.ts";
import { ActionButton, Card, CsrfField, Facts, Figure, Figures, Table } from "../ui.ts";
import { LastRun, ScheduleState } from "./list.ts";
import { lengthText, missedText, overlapText, schedulePath, timingText } from "./words.ts";

/** The part that goes on living. */
export function ScheduleNow({ schedule, next }: { schedule: ScheduleView; next: readonly Date[] }): Html {
  const { fired, skipped, lateness, rearmed } = schedule;
  return html`<${Figures}>
      <${Figure} name="State" value=${html`<${ScheduleState} schedule=${schedule} />`} />
      <${Figure} name="Last" value=${html`<${LastRun} schedule=${schedule} />`} />
      <${Figure} name="Lateness" value=${formatMilliseconds(lateness)} />
      <${Figure} name="Fired" value=${fired} />
      <${Figure} name="Skipped" value=${skipped} />
      <${Figure} name="Re-armed" value=${rearmed} />
    </${Figures}>
    <${Card} title="Next times">
      ${
        next.length === 0
          ? html`<p class="empty">It will not fire again.</p>`
          : html`<ol>${next.map((at) => html`<li><${Moment} at=${at} /></li>`)}</ol>`
      }
      ${schedule.paused !== null && html`<p class="hint">It is paused: these would be its times if it were resumed now.</p>`}
    </${Card}>`;
}

export function ScheduleFacts({ schedule }: { schedule: ScheduleView }): Html {
  const { task, queue, origin, description, starts, ends, limit, jitter, input } = schedule;
  const facts = [
    ["Description", description],
    ["Task", html`<a href=${`/tasks/${encodeURIComponent(task)}`}>${task}</a>`],
    ["Queue", queue],
    ["When", timingText(schedule)],
    ["Starts", starts && html`<${Moment} at=${starts} />`],
    ["Ends", ends && html`<${Moment} at=${ends} />`],
    ["Fires in all", limit === null ? "without end" : `${limit} times`],
    ["Jitter", jitter === 0 ? "none" : `up to ${lengthText(jitter)}`],
    ["While its job runs", overlapText(schedule)],
    ["Missed times", missedText(schedule)],
    [
      "Origin",
      origin === "declared" ? "declared with its task; changed there" : "made by a client or an operator",
    ],
    ["Input", html`<code>${JSON.stringify(input)}</code>`],
  ] as const;
  return html`<${Card} title="Definition"><${Facts} facts=${facts} /></${Card}>`;
}

/** What an operator may do: pause with a note, run, make up for what was missed, and remove what was made. */
export function ScheduleControls({
  schedule,
  csrfToken,
}: {
  schedule: ScheduleView;
  csrfToken: string;
}): Html {
  const { name, paused, origin } = schedule;
  const path = schedulePath(name);
  return html`<div class="grid">
    <${Card} title=${paused === null ? "Pause" : "Resume"}>
      ${
        paused === null
          ? html`<form method="post" action=${`${path}/pause`} class="filter">
              <${CsrfField} token=${csrfToken} />
              <label>Why <input name="note" maxlength="200" placeholder="for who comes after you" /></label>
              <button type="submit">Pause</button>
            </form>`
          : html`<${ActionButton} action=${`${path}/resume`} label="Resume" csrfToken=${csrfToken} />`
      }
      <div class="actions">
        <${ActionButton} action=${`${path}/run`} label="Run now" csrfToken=${csrfToken} />
        ${
          origin === "made" &&
          html`<${ActionButton}
            action=${`${path}/remove`}
            label="Remove"
            confirm=${`Remove the schedule ${name}? Its jobs stay.`}
            csrfToken=${csrfToken}
            danger
          />`
        }
      </div>
    </${Card}>
    <${Card} title="Backfill">
      <form method="get" action=${`${path}/backfill`} class="filter">
        <label>From (UTC) <input name="from" type="datetime-local" required /></label>
        <label>To (UTC) <input name="to" type="datetime-local" required /></label>
        <button type="submit">Show the times</button>
      </form>
      <p class="hint">First the times are shown; nothing is run before you say so.</p>
    </${Card}>
  </div>`;
}

/** What a backfill would do, and the button that does it. */
export function BackfillPreview(props: {
  name: string;
  range: { from: string; to: string };
  times: readonly BackfilledTime[];
  csrfToken: string;
}): Html {
  const { name, range, times, csrfToken } = props;
  const missing = times.filter(({ existing }) => !existing).length;
  const rows = times.map(
    ({ at, job, existing }) => html`<tr>
      <th scope="row"><${Moment} at=${at} /></th>
      <td>${existing ? html`has its job already: <a href=${`/jobs/${job.queue}/${encodeURIComponent(job.id)}`}>${job.id}</a>` : "a job is made"}</td>
    </tr>`,
  );
  const jobs = missing === 1 ? "1 job" : `${missing} jobs`;
  const outcome = missing === 0 ? "all have their jobs" : `${jobs} would be made`;
  const found = `${times.length} ${times.length === 1 ? "time" : "times"}, ${outcome}`;
  return html`<p>
      <a href=${schedulePath(name)}>${name}</a> from <code>${range.from}</code> to <code>${range.to}</code> UTC: ${found}.
    </p>
    <div class="actions">
      ${
        missing > 0 &&
        html`<${ActionButton} action=${`${schedulePath(name)}/backfill`} label=${`Make ${jobs}`} fields=${range} csrfToken=${csrfToken} />`
      }
      <a class="button" href=${schedulePath(name)}>Back</a>
    </div>
    <${Table} caption="Times" head=${["Time", "What happens"]} rows=${rows} empty="The schedule has no time in this range." />`;
}
