import { lab, type Server } from "./lab.ts";

/** A Ray head on a server of the lab. */
export interface LabRay {
  /** Its Jobs API, as the lab's machines and the server's containers reach it. */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Starts a real Ray head of 2 CPUs in a server's namespaces, run by the server's user. It sees the user's `ml-datasets`
 * and `ml-models` at `/datasets` and `/models`, as the containers do. A power cut ends it; it may be started again.
 */
export async function startLabRay(server: Server = "server84"): Promise<LabRay> {
  await lab("ray", server);
  return {
    address: `http://10.0.0.${server.replace("server", "")}:8265`,
    stop: async () => {
      await lab("ray-stop", server);
    },
  };
}
