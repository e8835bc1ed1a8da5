import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { eventually } from "./world.ts";

export interface Series {
  metric: Record<string, string>;
  value: [number, string];
}

/** A real Prometheus that scrapes each second, with the rules of `deploy/`. */
export interface Prometheus {
  /** @throws Error when Prometheus refuses the query */
  query(expr: string): Promise<Series[]>;
  /** The answer of another path of its API. */
  get<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

/** @param targets by the name of the job: ports on loopback */
export async function startPrometheus(targets: Readonly<Record<string, number>>): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), "lovage-prometheus-"));
  cpSync(
    fileURLToPath(new URL("../../deploy/prometheus/alerts.yml", import.meta.url)),
    join(folder, "alerts.yml"),
  );
  const config = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ["alerts.yml"],
    scrape_configs: Object.entries(targets).map(([job, port]) => ({
      job_name: job,
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    })),
  };
  // JSON is YAML.
  writeFileSync(join(folder, "prometheus.yml"), JSON.stringify(config));
  const port = await freePort();
  const child = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  child.stderr.on("data", (piece) => {
    said += String(piece);
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(`Prometheus to be ready: ${said}`, () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );

  async function get<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as {
      status: string;
      error?: string;
      data: T;
    };
    if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  }

  return {
    get,
    query: async (expr) =>
      (await get<{ result: Series[] }>(`query?query=${encodeURIComponent(expr)}`)).result,
    async stop() {
      child.kill();
      if (child.exitCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
