import {
  type Context,
  context,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { type BullMQOTelSpan, BullMQOtel } from "bullmq-otel";
import { describeError, type ErrorRecord } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";

export interface TracingOptions {
  /** Where spans go, by OTLP over HTTP: the collector's base address. */
  endpoint: string;
  /** Headers for that, as `name=value`, separated by commas; values may be percent-encoded. */
  headers: string | undefined;
  /** What the spans say they come from. */
  service: string;
  /** Of Lovage. */
  version: string;
  /** Hears when spans could not be sent. */
  onError(error: Error): void;
}

/** An attempt, as far as its span tells of it. */
interface TracedJob {
  readonly id: string;
  readonly task: string;
  readonly queue: string;
  readonly attempt: number;
}

/** The traces of a process. Loaded only where an endpoint is set. */
export interface Tracing {
  /** For BullMQ's queues and workers: a job carries its caller's trace, and each attempt is a span of it. */
  readonly telemetry: ReturnType<typeof createTelemetry>;
  /** Puts onto the span of an attempt, which is active, what it was and how it ended. */
  ended(
    job: TracedJob,
    outcome: { type: string; error?: Pick<ErrorRecord, "code" | "message" | "stack"> },
  ): void;
  /** The trace that is active, for a program elsewhere. */
  active(): { traceparent: string; endpoint: string | undefined } | undefined;
  /** Runs what a request asks for in the trace that its `traceparent` header names, if any. */
  enter(headers: Readonly<Record<string, unknown>>, next: () => void): void;
  /** Sends what is left, within a few seconds. */
  close(): Promise<void>;
}

/** How long the collector may take, in milliseconds. */
const exportTimeout = 5000;

/** Longer texts are cut: an error may quote what it was given. */
const longestText = 2000;

/** @returns the traces of this process, which has one set of them at most */
export function startTracing(options: TracingOptions): Tracing {
  const { endpoint, service, version, onError } = options;
  const tell = (message: string) => onError(new Error(`traces could not be sent: ${reasonOf(message)}`));
  diag.setLogger({ error: tell, warn: tell, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    headers: readHeaders(options.headers ?? ""),
    timeoutMillis: exportTimeout,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": service, "service.version": version }),
    sampler,
    spanLimits: { attributeValueLengthLimit: longestText },
    spanProcessors: [
      new BatchSpanProcessor({ exporter, scheduledDelayMillis: 2000, exportTimeoutMillis: exportTimeout }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());

  return {
    telemetry: createTelemetry(version),
    ended({ id, task, queue, attempt }, { type, error }) {
      const span = trace.getActiveSpan();
      if (span === undefined) return;
      span.updateName(`run ${task}`);
      span.setAttributes({
        "lovage.task": task,
        "lovage.queue": queue,
        "lovage.job.id": id,
        "lovage.job.attempt": attempt,
        "lovage.outcome": type,
      });
      if (error === undefined) return;
      span.setAttribute("lovage.error.code", error.code);
      if (type !== "failed" && type !== "retry") return;
      const { code: name, message, stack } = error;
      span.recordException({ name, message, ...(stack !== undefined && { stack }) });
      span.setStatus({ code: SpanStatusCode.ERROR, message: `${name}: ${message}` });
    },
    active() {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      const { traceparent } = carrier;
      return traceparent === undefined ? undefined : { traceparent, endpoint: withoutSecrets(endpoint) };
    },
    enter: (headers, next) => context.with(propagation.extract(ROOT_CONTEXT, headers), next),
    async close() {
      await provider.shutdown().catch((error) => tell(describeError(error)));
    },
  };
}

type SpanEvent = NonNullable<Parameters<BullMQOTelSpan["addEvent"]>[1]>;

/** BullMQ's own view of OpenTelemetry, without the results of jobs: they are the callers' data, and may be large. */
function createTelemetry(version: string) {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: "lovage", version });
  return {
    contextManager: Object.assign(contextManager, { root: () => ROOT_CONTEXT }),
    tracer: {
      startSpan(...args: Parameters<typeof tracer.startSpan>) {
        const span = tracer.startSpan(...args);
        const { addEvent } = span;
        span.addEvent = (name: string, attributes: SpanEvent = {}) => {
          const { "bullmq.job.result": _result, ...rest } = attributes;
          addEvent.call(span, name, rest);
        };
        return span;
      },
    },
  };
}

/**
 * Traces begin with a call or with a job that was enqueued without one. What BullMQ does by itself (looking for stalled
 * jobs, fetching the next one) would begin thousands that tell nothing.
 */
const beginnings: readonly SpanKind[] = [SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.SERVER];
const parentBased = new ParentBasedSampler({
  root: {
    shouldSample: (_context: Context, _traceId: string, _name: string, kind: SpanKind) => ({
      decision: beginnings.includes(kind) ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
    }),
  },
});
const sampler: Sampler = {
  shouldSample(...args) {
    const [, , name] = args;
    // A span for the fetch of a job stands in the job's trace and has no length.
    return name.startsWith("getNextJob")
      ? { decision: SamplingDecision.NOT_RECORD }
      : parentBased.shouldSample(...args);
  },
};

/** OpenTelemetry tells of an error as JSON, with its stack. */
function reasonOf(message: string): string {
  const told = parseJson(message) as { message?: unknown } | undefined;
  return typeof told?.message === "string" ? told.message : message;
}

function readHeaders(text: string): Record<string, string> {
  const pairs = text.split(",").flatMap((pair): [string, string][] => {
    const equals = pair.indexOf("=");
    if (equals < 1) return [];
    const value = pair.slice(equals + 1).trim();
    return [[pair.slice(0, equals).trim(), decode(value)]];
  });
  return Object.fromEntries(pairs);
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** An address with a password is told to nobody else. */
function withoutSecrets(endpoint: string): string | undefined {
  const { username, password, search } = new URL(endpoint);
  return username === "" && password === "" && search === "" ? endpoint : undefined;
}
