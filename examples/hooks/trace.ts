import { AsyncLocalStorage } from "node:async_hooks";

/** The trace that this code runs in: a stand-in for OpenTelemetry's context. */
export const trace = new AsyncLocalStorage<string>();
