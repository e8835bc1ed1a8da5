import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { checkout, succeeds } from "../../deploy/support/command.ts";
import { containers } from "../../deploy/support/containers.ts";
import { deploy, secretOf } from "../../deploy/support/deployed.ts";
import { lab, onServer, startOnLaptop } from "../../deploy/support/lab.ts";
import { readLedger, touchSource } from "../../deploy/support/ledger.ts";
import { deployLedger } from "../../deploy/support/ledger-release.ts";
import type { Books } from "../books.ts";
import type { Fault, Round } from "../fault.ts";

let shared: ReturnType<typeof deployLedger> | undefined;

/** A server with a release that keeps a ledger, for all rounds of a run: bringing it up takes minutes. */
async function deployed(say: Round["say"]): Promise<string> {
  shared ??= (async () => {
    say("bringing up a server and the first release");
    await lab("up");
    return deployLedger("chaos");
  })();
  return (await shared).folder;
}

export const deployUnderFaults: Fault = {
  name: "deploy-under-faults",
  title: "A release is deployed under load; meanwhile a worker is killed and Redis started again",
  promise: "at least once",
  rounds: { quick: 0, long: 20 },
  needs: ["lab"],
  patience: 30,
  async end() {
    if (shared === undefined) return;
    shared = undefined;
    await lab("down", "--purge");
  },
  async run(round) {
    const { random, say, signal, number } = round;
    const folder = await deployed(say);
    const load = await startLoad();
    await sleep(random.whole(2000, 5000), undefined, { signal });
    await touchSource(folder, `round ${number}, ${random.whole(0, 1_000_000)}`);
    const running = deploy([], folder);
    await running.printed("draining", 300_000);
    const faults = [
      async () => killWorker(random.pick(["worker-ml", "worker-data", "worker-default"])),
      restartRedis,
    ];
    for (const fault of random.chance(50) ? faults : faults.toReversed()) {
      await sleep(random.whole(0, 6000), undefined, { signal });
      await fault();
    }
    say("a worker was killed, and Redis started again");
    const first = await running.done;
    // A release that could not prove itself is taken back; the same command again brings it.
    if (first.code !== 0) await succeeds(deploy([], folder));
    say("the release is there");
    const books = await load.balance();
    return { ...books, notes: { deploysTakenBack: first.code === 0 ? 0 : 1 } };
  },
};

/** Of a container that a deploy replaces at this moment there may be no process. */
async function killWorker(service: string): Promise<void> {
  const pid = (await containers())[service]?.State.Pid ?? 0;
  if (pid > 0) await onServer("kill", ["-KILL", String(pid)]);
}

/** In good order: what was acknowledged is on disk. */
async function restartRedis(): Promise<void> {
  const id = (await containers())["redis"]?.Id ?? "";
  await succeeds(onServer("docker", ["restart", id]));
}

/** Ten calls a second from another machine, some of them on Ray. */
async function startLoad(): Promise<{ balance(): Promise<Books> }> {
  const password = await secretOf("REDIS_CLIENT_PASSWORD");
  const program = startOnLaptop(
    join(checkout, "node_modules/.bin/node"),
    [join(checkout, "test/deploy/support/load.program.ts"), "10", "2"],
    { env: { REDIS_URL: `redis://client:${password}@10.0.0.84:6380` }, timeoutMs: 1_200_000 },
  );
  await program.printed("under load");
  return {
    async balance() {
      program.signal("SIGTERM");
      const { stdout } = await succeeds(program);
      const ends = JSON.parse(stdout) as { name: string; state: "completed" | "failed" }[];
      const ledger = await readLedger();
      const completed = ends.filter(({ state }) => state === "completed");
      return {
        enqueued: ends.length,
        completed: completed.length,
        failed: ends.length - completed.length,
        cancelled: 0,
        expired: 0,
        // None of the ledger's tasks may fail, and each has its effect.
        lost: ends.filter(({ name, state }) => state !== "completed" || (ledger[name]?.ended ?? 0) < 1)
          .length,
        doubled: 0,
      };
    },
  };
}
