import { execFileSync } from "node:child_process";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";

/** A span as it was received. */
export interface ReceivedSpan {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  failed: boolean;
  attributes: Record<string, string>;
  /** The whole of it, as JSON. */
  text: string;
}

interface Value {
  stringValue?: string;
  intValue?: string | number;
}
interface Export {
  resourceSpans?: {
    resource: { attributes: { key: string; value: Value }[] };
    scopeSpans: {
      spans: {
        name: string;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        status?: { code?: number | string };
        attributes?: { key: string; value: Value }[];
      }[];
    }[];
  }[];
}

/** An OpenTelemetry collector, as far as tests need one: OTLP over HTTP, as JSON (Node) and as protobuf (Python). */
export async function startOtlpReceiver() {
  const bodies: { type: string; body: Buffer }[] = [];
  const requests: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      bodies.push({ type: request.headers["content-type"] ?? "", body: Buffer.concat(pieces) });
      requests.push({ url: request.url ?? "", headers: request.headers });
      response.writeHead(200, { "content-type": request.headers["content-type"] ?? "" }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans: (): ReceivedSpan[] => bodies.flatMap(({ type, body }) => read(type, body)),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function read(type: string, body: Buffer): ReceivedSpan[] {
  const json = type.includes("json") ? body.toString() : decoded(body);
  const { resourceSpans = [] } = JSON.parse(json) as Export;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service: plain(resource.attributes)["service.name"] ?? "",
        name: span.name,
        traceId: hex(span.traceId, 32),
        spanId: hex(span.spanId, 16),
        parentSpanId: hex(span.parentSpanId ?? "", 16),
        failed: span.status?.code === 2 || span.status?.code === "STATUS_CODE_ERROR",
        attributes: plain(span.attributes ?? []),
        text: JSON.stringify(span),
      })),
    ),
  );
}

function plain(attributes: readonly { key: string; value: Value }[]): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(value.stringValue ?? value.intValue ?? "")]),
  );
}

/** Ids are hexadecimal in OTLP's JSON, and base64 in protobuf's. */
function hex(id: string, length: number): string {
  return id === "" || id.length === length ? id : Buffer.from(id, "base64").toString("hex");
}

const python = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const decoder = `
import sys
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
request = ExportTraceServiceRequest()
request.ParseFromString(sys.stdin.buffer.read())
print(MessageToJson(request))`;

function decoded(body: Buffer): string {
  return execFileSync(python, ["-c", decoder], { input: body, encoding: "utf8" });
}
