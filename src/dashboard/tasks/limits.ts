import { formatMilliseconds } from "../../core/durations.ts";
import type { Rate } from "../../core/rate.ts";
import type { LimitOverride } from "../../queue/limit-overrides.ts";
import type { TaskManifest } from "../../task/catalogue.ts";
import type { TimeLimits } from "../../task/limits.ts";
import { type Html, html } from "../html.ts";

/** A task as it is published, and what operators set for it instead. */
export interface LimitedTask {
  task: TaskManifest;
  set: LimitOverride;
}

export function RateText({ task, set }: LimitedTask): Html {
  const defined = task.limits?.rate;
  if (set.rate === undefined) return html`${defined === undefined ? none : formatRate(defined)}`;
  return html`<${Overridden}
    now=${set.rate === "off" ? "off" : formatRate(set.rate)}
    defined=${defined === undefined ? "none" : formatRate(defined)}
  />`;
}

export function TimeText({ task, set }: LimitedTask): Html {
  const { soft, hard } = task.limits ?? {};
  const defined = formatTimes({ ...(soft !== undefined && { soft }), ...(hard !== undefined && { hard }) });
  if (set.time === undefined) return html`${defined ?? none}`;
  const now = set.time === "off" ? "off" : (formatTimes(set.time) ?? "off");
  return html`<${Overridden} now=${now} defined=${defined ?? "none"} />`;
}

export function concurrencyText({ task }: LimitedTask): Html {
  const { total, perKey } = task.limits?.concurrency ?? {};
  const parts = [total !== undefined && `${total} at once`, perKey !== undefined && `${perKey} of each key`];
  const told = parts.filter((part) => part !== false);
  return html`${told.length === 0 ? none : told.join(", ")}`;
}

const none = html`<span class="none">–</span>`;

function Overridden({ now, defined }: { now: string; defined: string }): Html {
  return html`<strong>${now}</strong><br /><small class="muted">set here; defined: ${defined}</small>`;
}

/** In the words in which a rate is written: 10/m, 100/30s. */
function formatRate({ count, per }: Rate): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
  ] as const;
  const [unit, length] = units.find(([, milliseconds]) => per % milliseconds === 0) ?? ["s", 1000];
  const times = per / length;
  return `${count}/${times === 1 ? "" : times}${unit}`;
}

function formatTimes({ soft, hard }: TimeLimits): string | undefined {
  if (soft === undefined && hard === undefined) return undefined;
  return [
    soft !== undefined && `${formatMilliseconds(soft)} soft`,
    hard !== undefined && `${formatMilliseconds(hard)} hard`,
  ]
    .filter((part) => part !== false)
    .join(", ");
}
