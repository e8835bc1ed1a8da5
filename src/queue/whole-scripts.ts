import { type Cluster, Command, type Redis } from "ioredis";

/** What ioredis knows of the scripts of a connection, by name. */
interface Scripts {
  readonly scriptsSet: Readonly<Record<string, Script>>;
}

interface Script {
  readonly sha: string;
  readonly lua: string;
  readonly numberOfKeys: number | null;
}

/** @returns finds the script that a command runs by its digest */
function scriptsOf(redis: unknown): (command: Command) => Script | undefined {
  const { scriptsSet } = redis as Scripts;
  const known = new Map<unknown, Script>();
  return ({ name, args: [sha] }) => {
    if (name !== "evalsha") return undefined;
    if (!known.has(sha)) for (const script of Object.values(scriptsSet)) known.set(script.sha, script);
    return known.get(sha);
  };
}

/**
 * Has the scripts of each pipeline and transaction go with their text. ioredis sends it once a connection and the digest from then
 * on, also when the first did not come about: it was of a transaction that was given up (WATCH), or another node was the right
 * one. The digest is then unknown (NOSCRIPT), which ends nothing: what else is in the transaction is done. Within one of them the
 * first text is enough for all.
 */
export function sendTexts(redis: Redis | Cluster): void {
  const scriptOf = scriptsOf(redis);
  const send = redis.sendCommand.bind(redis) as Cluster["sendCommand"];
  const told = new WeakMap<object, Set<string>>();
  redis.sendCommand = ((command, stream, node) => {
    const script = (stream as { isPipeline?: true } | undefined)?.isPipeline && scriptOf(command);
    if (script && stream !== undefined && isNew(told, stream, script.sha)) {
      command.name = "eval";
      command.args[0] = script.lua;
      // Of the class of the script's own, which chooses between the two.
      command.toWritable = Command.prototype.toWritable;
    }
    return send(command, stream, node);
  }) as Cluster["sendCommand"];
}

function isNew(told: WeakMap<object, Set<string>>, pipeline: object, sha: string): boolean {
  const known = told.get(pipeline);
  if (known === undefined) told.set(pipeline, new Set([sha]));
  else if (known.has(sha)) return false;
  else known.add(sha);
  return true;
}

/** Makes another name in the same slot, which nothing has. */
const never = ":never";

/**
 * Has a cluster run each script either with all of a slot's keys there or not at all. A slot that is being moved is on two
 * nodes, key by key, and a script makes names of keys out of what it reads: one that the other node has by then would end it
 * in its midst. A node refuses a script as a whole (TRYAGAIN, after which it is sent again) when it has not all the keys that
 * are named beforehand; so each script names one more, which does not exist. Those that take any number of keys name all of
 * theirs.
 */
export function keepScriptsWhole(cluster: Cluster): void {
  const scriptOf = scriptsOf(cluster);
  const send = cluster.sendCommand.bind(cluster);
  // What waited for the connection comes by here again.
  const changed = new WeakSet<Command>();
  cluster.sendCommand = (command, ...where) => {
    const count = changed.has(command) ? null : scriptOf(command)?.numberOfKeys;
    if (count) {
      changed.add(command);
      const keys = command.args.slice(2, 2 + count);
      command.args.splice(1, 1 + count, String(count + 1), ...keys, `${keys[0]}${never}`);
    }
    return send(command, ...where);
  };
}
