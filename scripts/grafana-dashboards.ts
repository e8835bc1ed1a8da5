/** Prints a dashboard for Grafana: `node scripts/grafana-dashboards.ts overview > deploy/grafana/overview.json` */

import {
  LegendDisplayMode,
  StackingConfigBuilder,
  StackingMode,
  VizLegendOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as GraphBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** What a panel asks, and what its lines are called. */
type Query = readonly [expr: string, legend: string];

interface Panel {
  title: string;
  description: string;
  unit: string;
  queries: readonly Query[];
  /** From this value on it is shown in red; only of single numbers. */
  red?: number;
  stacked?: boolean;
}

interface Row {
  title: string;
  /** Single numbers, side by side. */
  numbers?: readonly Panel[];
  graphs?: readonly Panel[];
}

interface Dashboard {
  title: string;
  description: string;
  /** Labels that a reader can choose values of, and a metric that has them. */
  choices: Readonly<Record<string, string>>;
  rows: readonly Row[];
}

const datasource = { type: "prometheus", uid: "$datasource" };
const quantile = (q: number, metric: string, by: string, where = "") =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${metric}_bucket${where}[$__rate_interval])))`;

const overview: Dashboard = {
  title: "Lovage / Overview",
  description: "Is work done, and in time?",
  choices: { queue: "lovage_queue_jobs", task: "lovage_task_events_total" },
  rows: [
    {
      title: "Now",
      numbers: [
        {
          title: "Jobs waiting",
          description: "Jobs that a worker could take.",
          unit: "short",
          queries: [['sum(max by (queue) (lovage_queue_jobs{state="waiting", queue=~"$queue"}))', "waiting"]],
        },
        {
          title: "Oldest waiting",
          description: "How long the oldest of them has waited.",
          unit: "s",
          queries: [['max(lovage_queue_oldest_job_age_seconds{state="waiting", queue=~"$queue"})', "oldest"]],
          red: 600,
        },
        {
          title: "Jobs running",
          description: "Jobs that workers hold.",
          unit: "short",
          queries: [['sum(max by (queue) (lovage_queue_jobs{state="active", queue=~"$queue"}))', "running"]],
        },
        {
          title: "Workers alive",
          description: "Workers that beat.",
          unit: "short",
          queries: [["sum(max by (worker) (lovage_worker_online))", "alive"]],
        },
        {
          title: "Workers gone or stuck",
          description:
            "Workers that fell silent within the last hour, and those that take nothing though jobs wait.",
          unit: "short",
          queries: [
            ["count(max by (worker) (lovage_worker_online) == 0) or vector(0)", "gone"],
            ["sum(max by (worker) (lovage_worker_stuck))", "stuck"],
          ],
          red: 1,
        },
        {
          title: "Schedulers that act",
          description: "One must; a second one stands by.",
          unit: "short",
          queries: [["sum(lovage_scheduler_leader)", "act"]],
        },
      ],
    },
    {
      title: "Backlog",
      graphs: [
        {
          title: "Jobs waiting, by queue",
          description: "Jobs that a worker could take.",
          unit: "short",
          queries: [['max by (queue) (lovage_queue_jobs{state="waiting", queue=~"$queue"})', "{{queue}}"]],
        },
        {
          title: "Age of the oldest waiting job",
          description: "What a caller waits at most. It falls when the backlog is worked off.",
          unit: "s",
          queries: [
            [
              'max by (queue) (lovage_queue_oldest_job_age_seconds{state="waiting", queue=~"$queue"})',
              "{{queue}}",
            ],
          ],
        },
        {
          title: "Jobs by state",
          description:
            "Scheduled ones wait for their time, waiting-children ones for the calls of their workflow; failed ones are kept as dead letters.",
          unit: "short",
          queries: [
            [
              'sum by (state) (max by (queue, state) (lovage_queue_jobs{queue=~"$queue", state!="completed"}))',
              "{{state}}",
            ],
          ],
        },
        {
          title: "Slots taken",
          description: "How much of what the live workers can run at once is in use.",
          unit: "percentunit",
          queries: [
            [
              'max by (queue) (lovage_queue_jobs{state="active", queue=~"$queue"}) / (max by (queue) (lovage_queue_slots{queue=~"$queue"}) > 0)',
              "{{queue}}",
            ],
          ],
        },
      ],
    },
    {
      title: "Work",
      graphs: [
        {
          title: "Attempts ended, by how",
          description: "Per second, over all workers.",
          unit: "ops",
          stacked: true,
          queries: [
            [
              'sum by (type) (rate(lovage_task_events_total{type!~"started|parked|postponed", queue=~"$queue", task=~"$task"}[$__rate_interval]))',
              "{{type}}",
            ],
          ],
        },
        {
          title: "Jobs that fail for good, by task",
          description: "Of those that completed or failed.",
          unit: "percentunit",
          queries: [
            [
              'sum by (task) (rate(lovage_task_events_total{type="failed", task=~"$task"}[$__rate_interval])) / (sum by (task) (rate(lovage_task_events_total{type=~"completed|failed", task=~"$task"}[$__rate_interval])) > 0)',
              "{{task}}",
            ],
          ],
        },
        {
          title: "Run time by task",
          description: "Median and 95th percentile of attempts.",
          unit: "s",
          queries: [
            [quantile(0.5, "lovage_task_runtime_seconds", "task", '{task=~"$task"}'), "{{task}} 50 %"],
            [quantile(0.95, "lovage_task_runtime_seconds", "task", '{task=~"$task"}'), "{{task}} 95 %"],
          ],
        },
        {
          title: "Wait by task",
          description:
            "From when a worker could take the job until its first attempt began: 95th percentile.",
          unit: "s",
          queries: [[quantile(0.95, "lovage_task_wait_seconds", "task", '{task=~"$task"}'), "{{task}}"]],
        },
        {
          title: "Attempts that are tried again, by task",
          description: "Per second.",
          unit: "ops",
          queries: [
            [
              'sum by (task) (rate(lovage_task_events_total{type="retried", task=~"$task"}[$__rate_interval]))',
              "{{task}}",
            ],
          ],
        },
        {
          title: "Concurrency limits",
          description:
            "Of tasks with a limit over all workers: slots in use, slots in all, and who waits for one.",
          unit: "short",
          queries: [
            ['max by (task) (lovage_task_slots_used{task=~"$task"})', "{{task}} used"],
            ['max by (task) (lovage_task_slots{task=~"$task"})', "{{task}} in all"],
            ['max by (task) (lovage_task_slots_waiting{task=~"$task"})', "{{task}} in line"],
          ],
        },
      ],
    },
    {
      title: "Schedules",
      graphs: [
        {
          title: "Times fired for",
          description: "In the last hour.",
          unit: "short",
          queries: [["sum by (schedule) (increase(lovage_schedule_fired_total[1h]))", "{{schedule}}"]],
        },
        {
          title: "Lateness",
          description: "How long after its time a job was made: 95th percentile of the last hour.",
          unit: "s",
          queries: [
            [
              "histogram_quantile(0.95, sum by (le, schedule) (increase(lovage_schedule_lateness_seconds_bucket[1h])))",
              "{{schedule}}",
            ],
          ],
        },
        {
          title: "Times without a job, and schedules set anew",
          description:
            "In the last hour: missed while no scheduler ran, skipped because the job before had not ended, re-armed because the next time was wrong.",
          unit: "short",
          queries: [
            [
              "sum by (schedule, reason) (increase(lovage_schedule_skipped_total[1h]))",
              "{{schedule}} {{reason}}",
            ],
            ["sum by (schedule) (increase(lovage_schedule_rearmed_total[1h]))", "{{schedule}} re-armed"],
          ],
        },
      ],
    },
    {
      title: "Redis",
      graphs: [
        {
          title: "Memory",
          description: "When it is full, Redis refuses new jobs. A maximum of 0 is none.",
          unit: "bytes",
          queries: [
            ["max(lovage_redis_memory_used_bytes)", "used"],
            ["max(lovage_redis_memory_max_bytes)", "maximum"],
          ],
        },
        {
          title: "Reachable",
          description: "Whether Redis answered schedulers and dashboards.",
          unit: "short",
          queries: [["lovage_redis_up", "{{job}} {{instance}}"]],
        },
      ],
    },
  ],
};

const workers: Dashboard = {
  title: "Lovage / Workers",
  description: "What each worker does, and how it is.",
  choices: { worker: "lovage_worker_slots" },
  rows: [
    {
      title: "Work",
      graphs: [
        {
          title: "Alive",
          description: "1 while it beats; 0 for an hour after it fell silent.",
          unit: "short",
          queries: [['max by (worker) (lovage_worker_online{worker=~"$worker"})', "{{worker}}"]],
        },
        {
          title: "Stuck",
          description:
            "1 while it takes nothing though jobs wait and it has free slots, or its event loop was held up.",
          unit: "short",
          queries: [['max by (worker) (lovage_worker_stuck{worker=~"$worker"})', "{{worker}}"]],
        },
        {
          title: "Jobs running and slots",
          description: "A worker takes a job when it has a slot for it: none is prefetched.",
          unit: "short",
          queries: [
            [
              'sum by (worker, queue) (lovage_worker_active_jobs{worker=~"$worker"})',
              "{{worker}} {{queue}} runs",
            ],
            ['sum by (worker, queue) (lovage_worker_slots{worker=~"$worker"})', "{{worker}} {{queue}} slots"],
          ],
        },
        {
          title: "Attempts ended, by worker",
          description: "Per second.",
          unit: "ops",
          stacked: true,
          queries: [
            [
              'sum by (worker) (rate(lovage_task_events_total{type=~"completed|failed|retried|cancelled|expired", worker=~"$worker"}[$__rate_interval]))',
              "{{worker}}",
            ],
          ],
        },
        {
          title: "Events",
          description: "Per second: what happened to attempts.",
          unit: "ops",
          queries: [
            [
              'sum by (type) (rate(lovage_task_events_total{worker=~"$worker"}[$__rate_interval]))',
              "{{type}}",
            ],
          ],
        },
        {
          title: "Jobs taken over from silent workers",
          description: "In the last hour, by the worker that found them.",
          unit: "short",
          queries: [
            [
              'sum by (worker, queue) (increase(lovage_jobs_stalled_total{worker=~"$worker"}[1h]))',
              "{{worker}} {{queue}}",
            ],
          ],
        },
      ],
    },
    {
      title: "Processes",
      graphs: [
        {
          title: "Event loop lag",
          description:
            "The most within ten seconds. From five seconds on a worker counts as stuck and its /livez says 503.",
          unit: "s",
          queries: [["max by (job, instance) (lovage_event_loop_lag_seconds)", "{{job}} {{instance}}"]],
        },
        {
          title: "Memory",
          description: "Resident.",
          unit: "bytes",
          queries: [['process_resident_memory_bytes{job=~"lovage.*"}', "{{job}} {{instance}}"]],
        },
        {
          title: "CPU",
          description: "Cores in use.",
          unit: "short",
          queries: [
            ['rate(process_cpu_seconds_total{job=~"lovage.*"}[$__rate_interval])', "{{job}} {{instance}}"],
          ],
        },
        {
          title: "Versions",
          description: "Which processes run which version.",
          unit: "short",
          queries: [["count by (process, version) (lovage_build_info)", "{{process}} {{version}}"]],
        },
      ],
    },
  ],
};

const ray: Dashboard = {
  title: "Lovage / Ray",
  description: "The cluster, and the Ray jobs that workers wait for.",
  choices: { task: "lovage_ray_submissions_total" },
  rows: [
    {
      title: "Cluster",
      graphs: [
        {
          title: "Reachable",
          description: "Whether the cluster answered schedulers and dashboards.",
          unit: "short",
          queries: [
            ["max by (cluster) (lovage_ray_up)", "{{cluster}} answers"],
            ["sum by (cluster) (lovage_ray_breaker_open)", "workers that take {{cluster}} for down"],
          ],
        },
        {
          title: "Nodes",
          description: "Alive, dead, and how many there should be.",
          unit: "short",
          queries: [
            ["max by (cluster, state) (lovage_ray_nodes)", "{{cluster}} {{state}}"],
            ["max by (cluster) (lovage_ray_nodes_expected)", "{{cluster}} expected"],
          ],
        },
        {
          title: "CPUs",
          description: "What Ray has handed out, of what the living nodes have.",
          unit: "short",
          queries: [
            ["max by (cluster) (lovage_ray_cpus_used)", "{{cluster}} used"],
            ["max by (cluster) (lovage_ray_cpus)", "{{cluster}} in all"],
          ],
        },
        {
          title: "Calls that failed",
          description: "Per second, by code: calls of workers that were not answered or refused.",
          unit: "ops",
          queries: [["sum by (code) (rate(lovage_ray_poll_errors_total[$__rate_interval]))", "{{code}}"]],
        },
      ],
    },
    {
      title: "Ray jobs",
      graphs: [
        {
          title: "Waited for now",
          description: "Ray jobs that workers' jobs wait for.",
          unit: "short",
          stacked: true,
          queries: [['sum by (task) (lovage_ray_jobs_running{task=~"$task"})', "{{task}}"]],
        },
        {
          title: "Programs sent to Ray",
          description: "In the last hour. Attached: one that ran already, after a worker's stop or death.",
          unit: "short",
          queries: [
            ['sum by (result) (increase(lovage_ray_submissions_total{task=~"$task"}[1h]))', "{{result}}"],
          ],
        },
        {
          title: "How they ended",
          description: "In the last hour: succeeded, or a code.",
          unit: "short",
          queries: [['sum by (verdict) (increase(lovage_ray_jobs_total{task=~"$task"}[1h]))', "{{verdict}}"]],
        },
        {
          title: "Run time",
          description: "Of attempts, with the start of the program on Ray: 95th percentile.",
          unit: "s",
          queries: [[quantile(0.95, "lovage_task_runtime_seconds", "task", '{task=~"$task"}'), "{{task}}"]],
        },
      ],
    },
  ],
};

const dashboards: Readonly<Record<string, Dashboard>> = { overview, workers, ray };

function build(name: string, { title, description, choices, rows }: Dashboard) {
  const builder = new DashboardBuilder(title)
    .uid(`lovage-${name}`)
    .description(description)
    .tags(["lovage"])
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh("30s")
    .time({ from: "now-3h", to: "now" })
    .timezone("browser")
    .link(
      new DashboardLinkBuilder("Lovage").type(DashboardLinkType.Dashboards).tags(["lovage"]).keepTime(true),
    )
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"));
  for (const [label, metric] of Object.entries(choices)) {
    builder.withVariable(
      new QueryVariableBuilder(label)
        .datasource(datasource)
        .query(`label_values(${metric}, ${label})`)
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue(".*"),
    );
  }
  for (const { title: heading, numbers = [], graphs = [] } of rows) {
    builder.withRow(new RowBuilder(heading));
    for (const panel of numbers) builder.withPanel(filled(new StatBuilder().height(4).span(4), panel));
    for (const panel of graphs) builder.withPanel(filled(graph(panel).height(8).span(12), panel));
  }
  return builder.build();
}

function graph({ stacked = false }: Panel): GraphBuilder {
  const builder = new GraphBuilder()
    .min(0)
    .fillOpacity(stacked ? 30 : 10)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .calcs(["lastNotNull", "max"])
        .showLegend(true),
    );
  return stacked
    ? builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group("A"))
    : builder;
}

function filled<Builder extends StatBuilder | GraphBuilder>(builder: Builder, panel: Panel): Builder {
  builder
    .title(panel.title)
    .description(panel.description)
    .unit(panel.unit)
    .datasource(datasource)
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps([
          { value: null, color: "green" },
          ...(panel.red === undefined ? [] : [{ value: panel.red, color: "red" }]),
        ]),
    );
  for (const [index, [expr, legend]] of panel.queries.entries())
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode("A".charCodeAt(0) + index))
        .expr(expr)
        .legendFormat(legend)
        .range(),
    );
  return builder;
}

const [, , name = ""] = process.argv;
const dashboard = dashboards[name];
if (dashboard === undefined) {
  process.stderr.write(`name one of ${Object.keys(dashboards).join(", ")}\n`);
  process.exitCode = 64;
} else {
  process.stdout.write(`${JSON.stringify(build(name, dashboard), null, 2)}\n`);
}
