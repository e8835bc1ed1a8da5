import { type Command, Option } from "commander";
import type { WorkerView } from "../client/index.ts";
import type { ClusterFacts, ClusterNodeRow, RayJobRow } from "../core/cluster.ts";
import { toLovageError } from "../core/errors.ts";
import type { CliCluster, CliDoors } from "./doors.ts";
import { exitCodes } from "./exit-codes.ts";
import { formatBetween, formatMoment } from "./moments.ts";
import type { Run } from "./run.ts";
import type { Screen } from "./screen.ts";
import { renderTable } from "./table.ts";

/** `lovage ray clusters`, `nodes` and `jobs`: the clusters as they are. */
export function addRayCommands(program: Command, run: Run, doors: CliDoors): void {
  const ray = program.command("ray").description("look at the Ray clusters");
  const look = (show: (door: CliCluster, running: Parameters<Parameters<Run>[0]>[0]) => Promise<void>) =>
    run(async (running) => {
      const cluster = doors.openCluster();
      try {
        await show(cluster, running);
        return exitCodes.success;
      } finally {
        await cluster.close();
      }
    });

  ray
    .command("clusters")
    .description("list the clusters, whether they answer, and whether the workers take them for up")
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  lovage ray clusters")
    .action(() =>
      look(async (door, { client, screen }) => {
        const [rows, workers] = await Promise.all([
          Promise.all(door.clusters.map((facts) => lookAt(door, facts))),
          // The clusters can be looked at without Redis.
          client()
            .inspect.workers()
            .catch(() => undefined),
        ]);
        const clusters = rows.map((row) => ({ ...row, down: takenForDown(row.name, workers) }));
        screen.answer(clusters, () => listClusters(clusters, screen));
      }),
    );

  ray
    .command("nodes")
    .description("list the nodes of a cluster")
    .addOption(clusterOption())
    .option("--json", "print one JSON document")
    .addHelpText("after", "\nExample:\n  lovage ray nodes")
    .action(({ cluster }: { cluster?: string }) =>
      look(async (door, { screen }) => {
        const nodes = await door.nodes({ cluster });
        screen.answer(nodes, () => listNodes(nodes, screen));
      }),
    );

  ray
    .command("jobs")
    .description("list the Ray jobs that Lovage made, the newest first")
    .option("--all", "others' Ray jobs too")
    .addOption(clusterOption())
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  lovage ray jobs
  lovage ray jobs --all --json | jq -r '.[] | select(.status == "RUNNING") | .submissionId'`,
    )
    .action(({ all = false, cluster }: { all?: boolean; cluster?: string }) =>
      look(async (door, { screen }) => {
        const rayJobs = (await door.rayJobs({ cluster }))
          .filter((rayJob) => all || rayJob.jobId !== null)
          .toSorted((a, b) => (b.startedAt?.getTime() ?? 0) - (a.startedAt?.getTime() ?? 0));
        screen.answer(rayJobs, () => listRayJobs(rayJobs, screen, new Date()));
      }),
    );
}

function clusterOption(): Option {
  return new Option("--cluster <name>", "the cluster; `lovage ray clusters` lists them (default: default)");
}

interface ClusterRow extends ClusterFacts {
  /** Of nodes that are alive. */
  nodes: number | null;
  cpus: number | null;
  cpusUsed: number | null;
  /** The code of what it ended with; null: it answered. */
  error: string | null;
}

/** The same for one that does not answer as for one that does: which it is, is what is asked. */
async function lookAt(door: CliCluster, facts: ClusterFacts): Promise<ClusterRow> {
  try {
    const alive = (await door.nodes({ cluster: facts.name })).filter((node) => node.alive);
    const sum = (of: (node: ClusterNodeRow) => number | null) =>
      alive.reduce((total, node) => total + (of(node) ?? 0), 0);
    const cpusUsed = sum((node) => node.cpusUsed);
    return { ...facts, nodes: alive.length, cpus: sum((node) => node.cpus), cpusUsed, error: null };
  } catch (thrown) {
    const error = toLovageError(thrown, "RAY_UNAVAILABLE").code;
    return { ...facts, nodes: null, cpus: null, cpusUsed: null, error };
  }
}

/** The workers that begin nothing on a cluster; null: nobody knows. */
function takenForDown(
  cluster: string,
  workers: readonly Pick<WorkerView, "name" | "state" | "rayClusters">[] | undefined,
): string[] | null {
  if (workers === undefined) return null;
  return workers
    .filter(({ state, rayClusters }) => state !== "dead" && (rayClusters?.[cluster] ?? "closed") !== "closed")
    .map(({ name }) => name);
}

function listClusters(clusters: readonly (ClusterRow & { down: string[] | null })[], screen: Screen): string {
  const { green, red } = screen.colors;
  const heads = ["cluster", "address", "state", "nodes", "CPUs used", "taken for down by"];
  const columns = heads.map((head) => ({ head, wraps: head === "taken for down by" }));
  const rows = clusters.map((one) => [
    one.name,
    one.address,
    one.error === null ? green("up") : red(one.error),
    one.nodes === null ? "-" : `${one.nodes} of ${one.expectedNodes}`,
    one.cpus === null ? "-" : `${one.cpusUsed} of ${one.cpus}`,
    one.down === null ? "?" : one.down.join(", ") || "nobody",
  ]);
  return renderTable(screen, columns, rows);
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
  const used = alive.reduce((sum, node) => sum + (node.cpusUsed ?? 0), 0);
  const sum = `${alive.length} of ${nodes.length} nodes alive, ${Number(used.toFixed(2))} of ${cpus} CPUs used`;
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
