import type { ScheduleView } from "../../client/index.ts";
import { formatMilliseconds } from "../../core/durations.ts";
import { type Html, html } from "../html.ts";
import { ActionButton, Ago, Breakable, Figure, Figures, StateBadge, Table } from "../ui.ts";
import { lengthText, pauseText, schedulePath, stateOf, timingText } from "./words.ts";

export function ScheduleFigures({ schedules }: { schedules: readonly ScheduleView[] }): Html {
  const now = Date.now();
  const inState = (state: ReturnType<typeof stateOf>) =>
    schedules.filter((schedule) => stateOf(schedule, now) === state).length;
  const latest = Math.max(0, ...schedules.map(({ lateness }) => lateness));
  return html`<${Figures}>
    <${Figure} name="Schedules" value=${schedules.length} />
    <${Figure} name="Paused" value=${inState("paused")} />
    <${Figure} name="Late" value=${inState("late")} note=${inState("late") > 0 && "does a scheduler run?"} alarm=${inState("late") > 0} />
    <${Figure} name="Greatest lateness" value=${formatMilliseconds(latest)} />
    <${Figure} name="Armed again" value=${schedules.reduce((sum, { rearmed }) => sum + rearmed, 0)} />
  </${Figures}>`;
}

export function ScheduleTable(props: {
  schedules: readonly ScheduleView[];
  acts: boolean;
  csrfToken: string;
}): Html {
  const { schedules, acts, csrfToken } = props;
  const rows = schedules.map(
    (schedule) => html`<tr id=${`schedule-${schedule.name}`}>
      <th scope="row">
        <a href=${schedulePath(schedule.name)}><${Breakable} text=${schedule.name} /></a>
        <br /><small class="muted">${schedule.origin}${schedule.task !== schedule.name && `, ${schedule.task}`}</small>
      </th>
      <td><${ScheduleState} schedule=${schedule} /></td>
      <td>${timingText(schedule)}</td>
      <td><${Ago} at=${schedule.next} /></td>
      <td>
        <${LastRun} schedule=${schedule} />
        ${schedule.last !== null && html`<br /><small class="muted">${formatMilliseconds(schedule.lateness)} late</small>`}
      </td>
      <td class="number nowrap">
        ${schedule.fired}<br />
        <small class="muted">${schedule.skipped} skipped<br />${schedule.rearmed} re-armed</small>
      </td>
      <td class="nowrap">
        <small>overlap: ${schedule.overlap}<br />missed: ${shortMissed(schedule)}</small>
      </td>
      <td>${acts && html`<${ScheduleActions} schedule=${schedule} csrfToken=${csrfToken} />`}</td>
    </tr>`,
  );
  const head = ["Schedule", "State", "When", "Next", "Last", "Fired", "Policies", ""];
  return html`<${Table}
    caption="Schedules"
    head=${head}
    rows=${rows}
    empty="There is no schedule. Declare one with a task, or make one below."
  />`;
}

function shortMissed({ missed }: ScheduleView): string {
  return typeof missed === "string" ? missed : `within ${lengthText(missed.within)}`;
}

export function ScheduleState({ schedule }: { schedule: ScheduleView }): Html {
  const why = pauseText(schedule);
  return html`<${StateBadge} state=${stateOf(schedule, Date.now())} />${why !== "" && html`<small class="why">${why}</small>`}`;
}

/** The last time for which it fired, and the job of that. */
export function LastRun({ schedule: { last } }: { schedule: ScheduleView }): Html {
  if (last === null) return html`<span class="none">–</span>`;
  const { id, queue } = last.job;
  return html`<a href=${`/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`} title=${id}><${Ago} at=${last.at} /></a>`;
}

export function ScheduleActions({
  schedule,
  csrfToken,
}: {
  schedule: ScheduleView;
  csrfToken: string;
}): Html {
  const { name, paused } = schedule;
  const path = schedulePath(name);
  const [verb, label] = paused === null ? ["pause", "Pause"] : ["resume", "Resume"];
  return html`<div class="actions">
    <${ActionButton} action=${`${path}/${verb}`} label=${label} description=${`${label} ${name}`} csrfToken=${csrfToken} />
    <${ActionButton} action=${`${path}/run`} label="Run now" description=${`Run now: ${name}`} csrfToken=${csrfToken} />
  </div>`;
}
