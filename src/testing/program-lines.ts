import { marker } from "../core/program-lines.ts";
import type { ScriptedRayJob } from "./scripted-jobs.ts";

/** The lines by which `lovage_job.py` speaks to the worker. */
export function progressLine(progress: { fraction: number | null; message?: string }): string {
  return marked({ type: "progress", ...progress });
}

export function resultLine(value: unknown): string {
  return marked({ type: "result", value });
}

export function failureLine(failure: NonNullable<ScriptedRayJob["failure"]>): string {
  return marked({ type: "failure", retry: false, ...failure });
}

function marked(event: object): string {
  return marker + JSON.stringify(event);
}
