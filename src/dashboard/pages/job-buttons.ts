import type { Request } from "express";
import type { JobSnapshot } from "../../client/index.ts";
import { isEnded } from "../../core/states.ts";
import { type Html, html } from "../html.ts";
import { ActionButton } from "../ui.ts";
import { allows } from "../viewer.ts";
import type { JobPlace } from "./job-place.ts";
import { jobPath } from "./job-table.ts";

/** What may be done with a job in its state, by whom its page is looked at. */
export function JobButtons(props: {
  job: JobSnapshot;
  place: JobPlace;
  request: Request;
  csrfToken: string;
}): Html | null {
  const { job, place, request, csrfToken } = props;
  const { viewer } = request;
  if (viewer === undefined || !allows(viewer, "operator")) return null;
  const path = jobPath(place);
  const over = isEnded(job.state);
  const dead = over && job.state !== "completed" && job.endedAt !== undefined;
  return html`<div class="actions" id="actions">
    ${
      !over &&
      !job.cancelRequested &&
      html`<${ActionButton}
        action=${`${path}/cancel`}
        label="Cancel"
        confirm="Cancel this job?"
        csrfToken=${csrfToken}
        danger
      />`
    }
    ${
      dead &&
      html`<${ActionButton} action=${`${path}/replay`} label="Replay" csrfToken=${csrfToken} />
        <a class="button" href=${`${path}/replay`}>Replay with another input</a>`
    }
    ${
      job.state === "completed" &&
      html`<a class="button" href=${`/jobs/new?${new URLSearchParams({ task: job.task, from: `${place.queue}:${place.id}` })}`}
        >Enqueue again</a
      >`
    }
    ${
      over &&
      allows(viewer, "admin") &&
      html`<${ActionButton}
        action=${`${path}/discard`}
        label="Discard"
        confirm="Discard this job with its result and log, for good?"
        csrfToken=${csrfToken}
        danger
      />`
    }
  </div>`;
}
