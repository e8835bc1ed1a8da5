import type { Command } from "commander";
import type { ClusterNodeRow, RayJobRow } from "../core/cluster.ts";
import type { CliCluster, CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatBetween, formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

/** `lovage ray nodes` and `lovage ray jobs`: the cluster as it is. */
export function addRayCommands(program: Command, run: Run, doors: CliDoors): void {
  const ray = program.command("ray").description("look at the Ray cluster");
  const look = (show: (cluster: CliCluster, screen: Screen) => Promise<void>) =>
    run(async ({ screen }) => {
      const cluster = doors.openCluster();
      try {
        await show(cluster, screen);
        return exitCodes.success;
      } finally {
        await cluster.close();
      }
    });

  ray
    .command("nodes")
    .description("list the nodes of the cluster")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  lovage ray nodes")
    .action(() =>
      look(async (cluster, screen) => {
        const nodes = await cluster.nodes();
        screen.answer(nodes, () => listNodes(nodes, screen));
      }),
    );

  ray
    .command("jobs")
    .description("list the Ray jobs that Lovage made, the newest first")
    .option("--all", "others' Ray jobs too")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  lovage ray jobs
  lovage ray jobs --all --json | jq -r '.[] | select(.status == "RUNNING") | .submissionId'`,
    )
    .action(({ all = false }: { all?: boolean }) =>
      look(async (cluster, screen) => {
        const rayJobs = (await cluster.rayJobs())
          .filter((rayJob) => all || rayJob.jobId !== null)
          .toSorted((a, b) => (b.startedAt?.getTime() ?? 0) - (a.startedAt?.getTime() ?? 0));
        screen.answer(rayJobs, () => listRayJobs(rayJobs, screen, new Date()));
      }),
    );
}

function listNodes(nodes: readonly ClusterNodeRow[], screen: Screen): string {
  const { green, red } = screen.colors;
  const columns = ["node", "address", "role", "state", "CPUs used", "memory"].map((head) => ({ head }));
  const rows = nodes.map((node) => [
    node.id,
    node.address,
    node.head ? "head" : "worker",
    node.alive ? green("alive") : red("dead"),
    `${node.cpusUsed ?? "?"} of ${node.cpus}`,
    node.memory === null ? "?" : `${(node.memory / 2 ** 30).toFixed(1)} GiB`,
  ]);
  const alive = nodes.filter((node) => node.alive);
  const cpus = alive.reduce((sum, node) => sum + node.cpus, 0);
  const sum = `${alive.length} of ${nodes.length} nodes alive, ${cpus} CPUs`;
  return nodes.length === 0 ? "no nodes" : `${renderTable(screen, columns, rows)}\n\n${sum}`;
}

function listRayJobs(rayJobs: readonly RayJobRow[], screen: Screen, now: Date): string {
  if (rayJobs.length === 0) return "no Ray jobs";
  const columns = [
    { head: "submission id" },
    { head: "status" },
    { head: "task or entrypoint", wraps: true },
    { head: "attempt" },
    { head: "begun" },
    { head: "ran" },
  ];
  const rows = rayJobs.map((rayJob) => [
    rayJob.submissionId,
    statusText(rayJob.status, screen),
    rayJob.task ?? rayJob.entrypoint,
    String(rayJob.attempt ?? "-"),
    rayJob.startedAt === null ? "-" : formatMoment(rayJob.startedAt),
    rayJob.startedAt === null ? "-" : formatBetween(rayJob.startedAt, rayJob.endedAt ?? now),
  ]);
  return renderTable(screen, columns, rows);
}

function statusText(status: string, { colors }: Screen): string {
  if (status === "SUCCEEDED") return colors.green(status);
  return status === "FAILED" ? colors.red(status) : status;
}
