import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { formatMilliseconds, toMilliseconds } from "../core/durations.ts";
import { queueNames } from "../task/queue-names.ts";
import { duration } from "./arguments.ts";
import type { CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { rayChecks, redisCheck, schedulerCheck } from "./smoke/backing.ts";
import { type Check, type CheckReport, runChecks } from "./smoke/check.ts";
import { dashboardChecks, noDashboard, refuseWithoutDashboard } from "./smoke/dashboard.ts";
import type { Installation } from "./smoke/installation.ts";
import { pingCheck } from "./smoke/ping.ts";
import { registeredCheck } from "./smoke/registered.ts";
import { documentOf, renderReports } from "./smoke/report.ts";
import { createSite } from "./smoke/site.ts";

interface SmokeFlags {
  timeout: string;
  release?: string;
  dashboard?: string;
  /** PEM text. */
  ca?: string;
  insecure?: boolean;
  requireRay?: boolean;
  allowPaused?: boolean;
}

/** How long a process that died counts as alive, and another takes to step in; a bit more. Milliseconds. */
const settling = 12_000;

/** A person is told what is still under way after so long, and then again, in milliseconds. */
const progressAfter = 2000;
const progressInterval = 5000;

/** `lovage smoke`: shows that a whole installation works. */
export function addSmokeCommand(program: Command, run: Run, doors: CliDoors): void {
  program
    .command("smoke")
    .description("show that a whole installation works: workers, scheduler, Redis, dashboard, Ray")
    .option("--timeout <duration>", "how long a ping may take through its queue", duration, "30s")
    .option("--release <id>", "the release that every worker must be of, as LOVAGE_RELEASE names it")
    .option("--dashboard <url>", "the dashboard to visit, such as https://127.0.0.1:5555")
    .option(
      "--ca <file>",
      "PEM file of the authority of the dashboard's certificate (default: REDIS_CA_FILE)",
      readPem,
    )
    .option("--insecure", "let any certificate do, of a dashboard on this machine")
    .option("--require-ray", "a Ray cluster that is away or not whole is a failure, not a warning")
    .option("--allow-paused", "a queue that is paused is no failure")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Sends a ping through each queue, compares the workers' tasks with those of this release, and looks at the
scheduler, Redis, the Ray cluster and, where one is named, the dashboard, with DASHBOARD_USER and
DASHBOARD_PASSWORD. Everything is tried even where something fails; exit code 1 if anything does.

Examples:
  lovage smoke
  lovage smoke --dashboard https://127.0.0.1:5555 --ca /etc/lovage/tls/ca.crt
  lovage smoke --release 3f0c6a525a7e --json | jq -r '.checks[] | select(.result == "failed") | .message'`,
    )
    .action((flags: SmokeFlags) =>
      run(async ({ screen, onInterrupt }) => {
        if (flags.dashboard === undefined) refuseWithoutDashboard(flags);
        onInterrupt(() => ({ message: "interrupted; pings that wait are dropped within a minute" }));
        const installation = await doors.openInstallation();
        try {
          const began = performance.now();
          const reports = await runWithProgress(checksOf(installation, flags, doors.version), screen);
          const took = Math.round(performance.now() - began);
          const document = documentOf(reports, doors.version, took);
          screen.answer(document, () => renderReports(reports, screen, took));
          return document.ok ? exitCodes.success : exitCodes.failure;
        } finally {
          await installation.close();
        }
      }),
    );
}

function checksOf(installation: Installation, flags: SmokeFlags, version: string): Check[] {
  const { client, tasks, login } = installation;
  const timeout = toMilliseconds(flags.timeout);
  const patience = Math.min(timeout, settling);
  const redis = client.inspect.redis();
  const pings = { client, timeout, allowPaused: flags.allowPaused === true };
  const registered = { client, tasks, version, release: flags.release, patience };
  return [
    redisCheck(redis),
    ...[
      ...queueNames.map((queue) => pingCheck(queue, pings)),
      registeredCheck(registered),
      schedulerCheck(installation, patience),
    ].map((check) => after(redis, check)),
    ...dashboardOf(installation, flags, login),
    ...rayChecks(installation, flags.requireRay === true),
  ];
}

/** Without Redis there is nothing to be said of what lies in it, and one line says so. */
function after(redis: Promise<unknown>, { name, run }: Check): Check {
  const usable = redis.then(
    () => true,
    () => false,
  );
  return {
    name,
    run: async () => ((await usable) ? run() : { result: "left-out", message: "Redis cannot be used" }),
  };
}

function dashboardOf(installation: Installation, flags: SmokeFlags, login: Installation["login"]): Check[] {
  const { dashboard: url, insecure = false } = flags;
  if (url === undefined) return [noDashboard()];
  const open = () => createSite({ url, ca: flags.ca ?? installation.ca, insecure });
  // What was typed wrongly is told before anything is tried.
  open();
  return dashboardChecks(open, login);
}

async function runWithProgress(checks: readonly Check[], screen: Screen): Promise<CheckReport[]> {
  const open = new Set(checks.map(({ name }) => name));
  const began = performance.now();
  const tell = () => {
    const after = formatMilliseconds(performance.now() - began);
    screen.note(`after ${after} still under way: ${[...open].join(", ")}`);
  };
  let timer = setTimeout(function again() {
    tell();
    timer = setTimeout(again, progressInterval);
  }, progressAfter);
  try {
    return await runChecks(checks, (name) => open.delete(name));
  } finally {
    clearTimeout(timer);
  }
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${(error as Error).message}.`);
  }
}
