/**
 * A thread beside an isolated task: a task that keeps the CPU busy hears nothing, and must not outlive the worker whose
 * job it runs, since another worker runs that job again.
 */

import { workerData } from "node:worker_threads";

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, "SIGKILL");
}, 200);
