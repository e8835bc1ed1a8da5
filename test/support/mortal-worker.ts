import type { Catalogue } from "#task";
import { createLogger } from "../../src/observe/logger.ts";
import { type Broker, openBroker } from "../../src/queue/broker.ts";
import { createClusterOperations } from "../../src/ray/cluster.ts";
import { createRayClusters } from "../../src/ray/clusters.ts";
import { createProgramPackage } from "../../src/ray/program.ts";
import { createRayRunner } from "../../src/ray/runner.ts";
import { createRayClient } from "../../src/ray-client-http/index.ts";
import { createWorker } from "../../src/worker/worker.ts";
import { type Crash, type CrashProxy, startCrashProxy } from "./crash-proxy.ts";

/** A worker that dies at a command; the world around it lives on. */
export interface Life {
  proxy: CrashProxy;
  end(): Promise<void>;
}

const silent = createLogger({ level: "silent", format: "json" });

/**
 * Starts a worker of the queue default inside this process.
 * @param catalogueOf what it runs; `alive` throws once it is dead, so that no task of its does anything any more
 */
export async function startLife(
  { redis, prefix }: { redis: string; prefix: string },
  crash: Crash | undefined,
  catalogueOf: (alive: () => void) => Catalogue,
): Promise<Life> {
  const proxy = await startCrashProxy(redis);
  const catalogue = catalogueOf(() => {
    if (proxy.crashing.aborted) throw new Error("this process is dead");
  });
  const { broker, disconnect } = withEnd(await openBroker({ redis: { url: proxy.url, prefix } }));
  const ray = createRayClient({ address: "http://127.0.0.1:1" });
  const worker = createWorker({
    name: "mortal",
    queues: [{ name: "default", concurrency: 4 }],
    broker,
    catalogue,
    rayRunner: createRayRunner(
      createRayClusters({
        default: {
          client: ray,
          programs: createProgramPackage(ray, import.meta.dirname),
          settings: {
            world: prefix,
            datasetsDir: "",
            modelsDir: "",
            uriSchemes: [],
            pip: undefined,
            unavailableTimeout: 1000,
          },
        },
      }),
    ),
    cluster: createClusterOperations({ default: ray }),
    settings: {
      expectedNodes: 1,
      expectedCpus: 1,
      datasetsDir: "",
      modelsDir: "",
      healthChannels: [],
      webhookUrl: undefined,
      smtpUrl: undefined,
      emailFrom: undefined,
      emailTo: undefined,
    },
    logger: await silent,
    shutdownTimeout: 20_000,
    lockDuration: 30_000,
    retention: { result: { age: 60_000, count: 1000 }, failure: { age: 60_000, count: 1000 }, logLines: 10 },
  });
  proxy.arm(crash);
  const starting = worker.start().catch((error) => {
    // Who dies while it starts may not be able to.
    if (!proxy.crashing.aborted) throw error;
  });
  await Promise.race([starting, proxy.crashed]);
  return {
    proxy,
    async end() {
      if (proxy.crashing.aborted) {
        disconnect();
        // It would wait for what it cannot do any more.
        worker.stop().catch(() => {});
      } else {
        await starting;
        await worker.stop();
      }
      await Promise.all([broker.close(), ray.close()]);
      await proxy.close();
    },
  };
}

/** A broker all of whose connections can be ended at once, also those that BullMQ made of its own. */
function withEnd(broker: Broker): { broker: Broker; disconnect(): void } {
  const all: Pick<Broker["redis"], "disconnect">[] = [broker.redis];
  const duplicate = broker.redis.duplicate.bind(broker.redis);
  broker.redis.duplicate = (options) => {
    const further = duplicate(options);
    all.push(further);
    return further;
  };
  return {
    broker: {
      ...broker,
      duplicate(options) {
        const further = broker.duplicate(options);
        all.push(further);
        return further;
      },
    },
    disconnect() {
      for (const redis of all) redis.disconnect();
    },
  };
}
