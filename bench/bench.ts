/** Measures Lovage and its peers; `--help` says how. scripts/bench.sh sets up what it needs. */

import { availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { type BenchArguments, readArguments, usage } from "./arguments.ts";
import { chosen } from "./choice.ts";
import type { BenchDocument } from "./document.ts";
import { type Ground, onGround } from "./ground.ts";
import { measure } from "./measure.ts";
import type { Peer } from "./peer.ts";
import { findPeers, peerNames } from "./peers/index.ts";
import { say } from "./say.ts";
import type { Shape } from "./shape.ts";
import { shapes } from "./shapes/index.ts";
import { renderTable } from "./table.ts";

const args = process.argv.slice(2);
if (args.includes("--help")) {
  process.stdout.write(usage);
} else {
  try {
    const options = readArguments(args);
    await run(options, chosen(shapes, options));
  } catch (error) {
    process.stderr.write(`error: ${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}

async function run(options: BenchArguments, wanted: readonly Shape[]): Promise<void> {
  const begun = performance.now();
  const named = peerNames.filter((name) => wanted.some((shape) => shape.peers.includes(name)));
  const { peers, missing } = await findPeers(named);
  for (const { name, reason } of missing) say(`${name} is left out: ${reason}`);
  const present = wanted.map((shape) => ({
    ...shape,
    peers: shape.peers.filter((name) => !missing.some((lacking) => lacking.name === name)),
  }));
  await onGround(async (ground) => {
    const results: BenchDocument["shapes"] = [];
    const faults: BenchDocument["faults"] = [];
    for (const [index, shape] of present.entries()) {
      const rounds = options.rounds ?? shape.rounds[options.quick ? "quick" : "normal"];
      const minutes = ((performance.now() - begun) / 60_000).toFixed(1);
      say(`== ${shape.name}, ${index + 1} of ${present.length}: ${rounds} rounds; ${minutes} min so far`);
      const session = { ground, quick: options.quick, peer: finder(peers) };
      const measured = await measure(shape, session, rounds);
      results.push(...measured.results);
      faults.push(...measured.faults);
    }
    const document: BenchDocument = {
      machine: {
        cpus: availableParallelism(),
        cpu: cpus()[0]?.model ?? "unknown",
        memoryGiB: Math.round(totalmem() / 2 ** 30),
        platform: `${platform()} ${release()}`,
      },
      versions: await versionsOf(ground, peers),
      measuredAt: new Date().toISOString(),
      quick: options.quick,
      seconds: Math.round((performance.now() - begun) / 1000),
      shapes: results,
      missing,
      faults,
    };
    process.stdout.write(options.json ? `${JSON.stringify(document, null, 2)}\n` : renderTable(document));
    // A goal that is missed is a finding, and told in the document; a run that broke off is a fault.
    if (faults.length > 0) process.exitCode = 1;
  });
}

function finder(peers: ReadonlyMap<string, Peer>) {
  return (name: string): Peer => {
    const peer = peers.get(name);
    if (peer === undefined) throw new Error(`there is no peer ${name} here`);
    return peer;
  };
}

async function versionsOf(
  { redis }: Ground,
  peers: ReadonlyMap<string, Peer>,
): Promise<Record<string, string>> {
  const info = await redis.info("server");
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const valkey = field("valkey_version");
  return {
    node: process.versions.node,
    redis: valkey === undefined ? `Redis ${field("redis_version")}` : `Valkey ${valkey}`,
    ...Object.fromEntries([...peers.values()].map(({ name, version }) => [name, version])),
  };
}
