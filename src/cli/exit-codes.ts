/** What a command's end tells a script. */
export const exitCodes = {
  success: 0,
  /** The job failed, was cancelled or expired, there is no such job, or Redis or Ray could not be used. */
  failure: 1,
  /** The command was called wrongly: an unknown option or task, an input or a setting that does not fit. */
  usage: 2,
  /** The wait was over before the job; the job goes on. */
  timeout: 3,
  /** Ctrl-C, as shells count it. A job that was waited for goes on. */
  interrupted: 130,
} as const;

/** What every `--help` ends with. */
export const exitCodesHelp = `
Exit codes:
    0 success
    1 failure: the job failed, was cancelled, expired or is unknown, or Redis or Ray is unavailable
    2 wrong usage: an unknown command, option or task, or an input or setting that does not fit
    3 timeout: the wait was over before the job; the job goes on
  130 interrupted by Ctrl-C; a job that was waited for goes on

Settings come from the environment and .env; .env.example explains each. With LOVAGE_URL and LOVAGE_API_KEY
commands for callers and operators use a dashboard's HTTP API; processes, keys, ray and smoke do not.`;

const usageCodes = new Set([
  "USAGE",
  "INPUT_INVALID",
  "TASK_UNKNOWN",
  "RAY_CLUSTER_UNKNOWN",
  "DATA_TOO_LARGE",
  "CONFIG_INVALID",
  "RAY_ADDRESS_INVALID",
]);

/** @param enqueued whether the job was accepted: then an input error is the job's failure, not the caller's typing */
export function exitCodeOf(code: string, enqueued = false): number {
  if (code === "WAIT_TIMEOUT") return exitCodes.timeout;
  if (code === "INTERRUPTED") return exitCodes.interrupted;
  return usageCodes.has(code) && !enqueued ? exitCodes.usage : exitCodes.failure;
}
