import type { Backend } from "../backend.ts";
import type { HttpClientOptions } from "../options.ts";

export function createHttpBackend(_options: HttpClientOptions): Backend {
  throw new Error("soon");
}
