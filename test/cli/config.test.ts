/** `lovage config`, as its own process: whether the others would start here. */

import { expect, test } from "vitest";
import { catalogue } from "../../tasks/index.ts";
import { runLovage } from "../support/lovage-process.ts";

test("what the processes would start with is shown, and no secret of it", async () => {
  const { code, stdout } = await runLovage(["config", "--json"], {
    REDIS_PASSWORD: "never shown",
    ML_CONCURRENCY: "7",
  });
  expect(code).toBe(0);
  const told = JSON.parse(stdout);
  expect(told.tasks).toEqual(catalogue.tasks.map(({ name }) => name));
  expect(told.config.worker.concurrency.ml).toBe(7);
  expect(stdout).not.toContain("never shown");
  const lines = await runLovage(["config"], { ML_CONCURRENCY: "7" });
  expect(lines.stdout).toContain("the configuration is valid, 11 tasks");
  expect(lines.stdout).toContain("worker.concurrency.ml = 7");
});

test("what a process would end with at its start is a failure here, all of it at once", async () => {
  const { code, stderr } = await runLovage(["config"], { ML_CONCURRENCY: "none", REDIS_PORT: "0" });
  expect(code).toBe(2);
  expect(stderr).toContain("ML_CONCURRENCY");
  expect(stderr).toContain("REDIS_PORT");
  const open = await runLovage(["config"], { DASHBOARD_HOST: "0.0.0.0", DASHBOARD_PASSWORD: "short" });
  expect(open.code).not.toBe(0);
  expect(open.stderr).toContain("DASHBOARD_PASSWORD");
});
