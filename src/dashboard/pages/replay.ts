import { type Request, type Response, Router } from "express";
import { LovageError } from "../../core/errors.ts";
import { requireRole } from "../access.ts";
import type { Audit } from "../audit.ts";
import { setFlash } from "../flash.ts";
import { html } from "../html.ts";
import { parseField } from "../json-field.ts";
import { sendPage } from "../page.ts";
import type { DashboardParts } from "../parts.ts";
import { CsrfField } from "../ui.ts";
import { placeOf } from "./job-place.ts";
import { jobKey, jobPath } from "./job-table.ts";

/** A dead job is made anew with an input that somebody mended. */
export function replayPages({ client }: DashboardParts, audit: Audit): Router {
  const router = Router();

  router.get("/jobs/:queue/:id/replay", requireRole("operator"), async (request, response) => {
    const { id, queue } = placeOf(request);
    const job = await client.deadLetters.get(id, { queue });
    show(request, response, job.task, JSON.stringify(job.input, undefined, 2) ?? "null");
  });

  router.post("/jobs/:queue/:id/replay-edited", requireRole("operator"), async (request, response) => {
    const place = placeOf(request);
    const { id, queue } = place;
    const text = String(request.body?.["input"] ?? "");
    const again = request.body?.["again"] === "yes";
    try {
      const replay = await client.deadLetters.replay(id, { queue, input: parseField("input", text), again });
      await audit(request, {
        action: "job.replay",
        target: jobKey(place),
        details: { outcome: replay.id, edited: true },
      });
      setFlash(request, "done", `This job is the replay of ${id}, with another input.`);
      response.redirect(303, jobPath(replay));
    } catch (error) {
      if (!(error instanceof LovageError && ["INPUT_INVALID", "IDEMPOTENCY_CONFLICT"].includes(error.code)))
        throw error;
      const { task } = await client.deadLetters.get(id, { queue });
      response.status(422);
      show(request, response, task, text, error);
    }
  });
  return router;
}

function show(request: Request, response: Response, task: string, text: string, fault?: LovageError): void {
  const place = placeOf(request);
  sendPage(request, response, {
    title: `Replay ${task}`,
    section: "/jobs",
    content: html`<form class="stack" method="post" action=${`${jobPath(place)}/replay-edited`}>
      <${CsrfField} token=${response.locals["csrfToken"] ?? ""} />
      <p>
        A new job is made of <a href=${jobPath(place)}>${place.id}</a>, with its tags, metadata and limits, and with this
        input.
      </p>
      <label>
        Input, as JSON
        <textarea
          name="input"
          rows="16"
          spellcheck=${false}
          aria-invalid=${fault ? "true" : undefined}
          aria-describedby=${fault ? "input-fault" : undefined}
        >
${text}</textarea
        >
      </label>
      ${
        fault &&
        html`<p class="fault" id="input-fault" role="alert">
          ${fault.message}${fault.hint && html`<span class="hint">; ${fault.hint}</span>`}
        </p>`
      }
      ${
        fault?.code === "IDEMPOTENCY_CONFLICT" &&
        html`<label class="check"
          ><input type="checkbox" name="again" value="yes" /> Replay it once more all the same</label
        >`
      }
      <div class="actions">
        <button type="submit" class="primary">Replay</button>
        <a class="button" href=${jobPath(place)}>Back</a>
      </div>
    </form>`,
  });
}
