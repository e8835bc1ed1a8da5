import type { Config } from "../config/index.ts";
import { createRayClient, type RayClient } from "../ray-client-http/index.ts";

export function openRay({ ray }: Config): RayClient {
  return createRayClient({
    address: ray.address,
    token: ray.token,
    ca: ray.ca,
    timeouts: {
      connectMs: ray.timeouts.connect,
      requestMs: ray.timeouts.request,
      submitMs: ray.timeouts.submit,
    },
  });
}
