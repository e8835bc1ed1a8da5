import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** The metrics of a process. Loaded only where somebody asks for them. */
export interface Metrics {
  readonly registry: Registry;
  /** Called before each answer, to set what is looked at only then. It must not throw, and bounds its own time. */
  beforeScrape(refresh: () => void | Promise<void>): void;
  /** All of it in Prometheus' text format. */
  scrape(): Promise<{ contentType: string; body: string }>;
}

export interface MetricsOptions {
  /** What the process is: worker, scheduler, dashboard. */
  process: string;
  /** Of Lovage. */
  version: string;
  /** How late the event loop was at most within the last ten seconds, in milliseconds. */
  lag(): number;
  /** Labels on all of them, such as the worker's name, as they are when it is asked. */
  labels?(): Record<string, string>;
}

/** Gauges whose names end in `_total`, against Prometheus' rules; each has a counterpart without it. */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

export function createMetrics({ process, version, lag, labels }: MetricsOptions): Metrics {
  const registry = new Registry();
  const refreshes: (() => void | Promise<void>)[] = [];
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  const build = new Gauge({
    name: "lovage_build_info",
    help: "1, with what runs: the kind of process and the version of Lovage.",
    labelNames: ["process", "version"],
    registers: [registry],
  });
  build.set({ process, version }, 1);
  new Gauge({
    name: "lovage_event_loop_lag_seconds",
    help: "How late the event loop was at most within the last ten seconds.",
    registers: [registry],
    collect() {
      this.set(lag() / 1000);
    },
  });
  return {
    registry,
    beforeScrape: (refresh) => void refreshes.push(refresh),
    async scrape() {
      await Promise.all(refreshes.map((refresh) => refresh()));
      registry.setDefaultLabels(labels?.() ?? {});
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}
