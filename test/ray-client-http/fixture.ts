import { onTestFinished } from "vitest";
import {
  createRayClient,
  type RayClient,
  type RayClientOptions,
  RayError,
} from "../../src/ray-client-http/index.ts";
import { type ScriptedRay, startScriptedRay } from "../support/scripted-ray-server.ts";

/** A scripted server and an impatient client of it, both gone when the test is. */
export async function scripted(
  options: Partial<RayClientOptions> = {},
  prefix = "",
): Promise<{ ray: ScriptedRay; client: RayClient }> {
  const ray = await startScriptedRay();
  const client = createRayClient({
    address: ray.url + prefix,
    retries: { baseMs: 5, maxMs: 20 },
    ...options,
    timeouts: { settleMs: 1_000, ...options.timeouts },
  });
  onTestFinished(async () => {
    await client.close();
    await ray.close();
  });
  return { ray, client };
}

/** The RayError a call ends with. */
export async function failure(call: Promise<unknown>): Promise<RayError> {
  const value: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (value instanceof RayError) return value;
  throw new Error(`expected a RayError, got ${String(value)}`, { cause: value });
}
