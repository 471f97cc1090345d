/**
 * Takes in what is sent over OTLP/HTTP in protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp), keeps it, and can
 * be away for a while.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import {
  readOtlpMetrics,
  readOtlpTraces,
  type OtlpAttribute,
  type OtlpMetric,
  type OtlpMetrics,
  type OtlpSpan,
  type OtlpTraces,
} from '@integration-hub/workers/otlp-messages';

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A span that has come. */
export interface ReceivedSpan {
  /** Its resource's `service.name`: the stage. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where it is the first of its trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly attributes: Attributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
  /** Milliseconds. */
  readonly began: number;
  readonly ended: number;
}

/** A point of a metric that has come. */
export interface ReceivedPoint {
  readonly service: string;
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Attributes;
  /** Of a histogram, how many values it has. */
  readonly value: number;
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly points: ReceivedPoint[] = [];
  /** What came, in JSON, and the headers that came with them. */
  readonly texts: string[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => this.#take(request, response));
  }

  static async start(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    await receiver.back();
    return receiver;
  }

  /** For `--telemetry`; the same after it was away. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Closes its port, and every connection. */
  async away(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async back(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** The spans of a trace, each behind the one that it is part of, else by the time at which they began. */
  trace(traceId: string): ReceivedSpan[] {
    const spans = this.spans.filter((span) => span.traceId === traceId);
    const depth = ({ parentSpanId }: ReceivedSpan): number => {
      const parent = spans.find(({ spanId }) => spanId === parentSpanId);
      return parent === undefined ? 0 : depth(parent) + 1;
    };
    return spans.sort((a, b) => depth(a) - depth(b) || a.began - b.began || a.ended - b.ended);
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const content = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      const read =
        request.url === '/v1/traces'
          ? this.#readTraces(readOtlpTraces(content))
          : this.#readMetrics(readOtlpMetrics(content));
      this.texts.push(JSON.stringify(read));
      this.headers.push(request.headers);
      // A response without a field is no bytes in protobuf.
      response.writeHead(200, { 'content-type': 'application/x-protobuf' });
      response.end();
    });
  }

  #readTraces(request: OtlpTraces): OtlpTraces {
    for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
      const service = serviceOf(resource);
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => readSpan(service, span)));
    }
    return request;
  }

  #readMetrics(request: OtlpMetrics): OtlpMetrics {
    for (const { resource, scopeMetrics } of request.resourceMetrics ?? []) {
      const service = serviceOf(resource);
      for (const { metrics } of scopeMetrics) {
        for (const metric of metrics) this.points.push(...readPoints(service, metric));
      }
    }
    return request;
  }
}

function serviceOf({ attributes }: { attributes: OtlpAttribute[] }): string {
  return String(readAttributes(attributes)['service.name']);
}

function readSpan(service: string, span: OtlpSpan): ReceivedSpan {
  const { traceId, spanId, parentSpanId = '', name, attributes, links = [], status } = span;
  return {
    service,
    traceId,
    spanId,
    parentSpanId,
    name,
    attributes: readAttributes(attributes),
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    failed: status?.code === 2,
    began: Number(span.startTimeUnixNano) / 1e6,
    ended: Number(span.endTimeUnixNano) / 1e6,
  };
}

function readPoints(
  service: string,
  { name, unit = '', sum, gauge, histogram }: OtlpMetric,
): ReceivedPoint[] {
  const points = (sum ?? gauge ?? histogram)?.dataPoints ?? [];
  return points.map(({ attributes, asDouble, asInt, count }) => ({
    service,
    metric: name,
    unit,
    attributes: readAttributes(attributes),
    value: Number(asDouble ?? asInt ?? count),
  }));
}

function readAttributes(attributes: readonly OtlpAttribute[] = []): Attributes {
  const entries = attributes.map(({ key, value }) => {
    const { stringValue, intValue, doubleValue, boolValue } = value;
    return [
      key,
      stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue,
    ] as const;
  });
  return Object.fromEntries(entries);
}
