/** Starts OpenTelemetry where it is configured, and loads nothing of it where it isn't. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { TelemetryConfiguration } from '@integration-hub/api';
import type { Counter, Registry } from 'prom-client';
import { errorShape, type Log } from '../log.js';
import { noTraces, type Traces } from './traces.js';

/** How often metrics are sent, and how long a request may take, in milliseconds. */
const [metricsEveryMs, requestMs] = [15_000, 3_000];
/** How long a stop waits for what has not been sent. */
const closeMs = 2_000;

export interface TelemetryParts {
  /** `service.name`, and names the file of spans: the stage, or the operator. */
  readonly service: string;
  /** `service.namespace`. */
  readonly namespace: string;
  readonly log: Log;
  readonly registry: Registry;
  /** Counts spans by what became of them. */
  readonly spans: Pick<Counter<'outcome'>, 'inc'>;
}

export interface Telemetry {
  readonly traces: Traces;
  /** Sends what is left, if that does not take long. */
  close(): Promise<void>;
}

/** @param configuration null: nothing is traced, nor sent */
export async function startTelemetry(
  configuration: TelemetryConfiguration | null,
  { service, namespace, log, registry, spans }: TelemetryParts,
): Promise<Telemetry> {
  if (configuration === null) return { traces: noTraces, close: () => Promise.resolve() };
  const [
    { OTLPTraceExporter },
    { OTLPMetricExporter },
    { MeterProvider, PeriodicExportingMetricReader },
    { resourceFromAttributes },
    { OtlpTraces },
    { PrometheusMetrics },
    { Circuit },
    { SpanFile },
  ] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/resources'),
    import('./otlp-traces.js'),
    import('./otlp-metrics.js'),
    import('./circuit.js'),
    import('./span-file.js'),
  ]);
  const { headersFile, sampleRatio, spansFolder } = configuration;
  const endpoint = configuration.endpoint.replace(/\/+$/, '');
  const headers = readHeaders(headersFile, log);
  const resource = resourceFromAttributes({
    'service.name': service,
    'service.namespace': namespace,
    'service.instance.id': `${hostname()}-${process.pid}`,
  });
  const request = { headers, timeoutMillis: requestMs };
  const exporter = new Circuit({
    exporter: new OTLPTraceExporter({ ...request, url: `${endpoint}/v1/traces` }),
    file: new SpanFile(spansFolder, service),
    log,
    endpoint,
    count: (outcome, number) => spans.inc({ outcome }, number),
  });
  const traces = new OtlpTraces({
    resource,
    exporter,
    sampleRatio,
    onDropped: () => spans.inc({ outcome: 'dropped' }),
  });
  // Sums that are cumulative: what can't be sent is in the next request.
  const metrics = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ ...request, url: `${endpoint}/v1/metrics` }),
        exportIntervalMillis: metricsEveryMs,
        exportTimeoutMillis: requestMs,
        metricProducers: [new PrometheusMetrics(registry)],
      }),
    ],
  });
  return {
    traces,
    close: async () => {
      const closed = Promise.allSettled([traces.provider.shutdown(), metrics.shutdown()]);
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closeMs).unref())]);
    },
  };
}

/** Reads the file for each request, so that a changed Secret needs no restart. */
function readHeaders(file: string | null, log: Log): () => Promise<Record<string, string>> {
  let isToldOf = false;
  return async () => {
    if (file === null) return {};
    try {
      const text = await readFile(file, 'utf8');
      isToldOf = false;
      return parseHeaders(text);
    } catch (error) {
      if (!isToldOf) {
        const fields = { reasonCode: 'TELEMETRY_HEADERS', file, ...errorShape(error) };
        log.warn('the headers of telemetry can’t be read: it is sent without them', fields);
      }
      isToldOf = true;
      return {};
    }
  };
}

/** @param text name=value,name=value, as OTEL_EXPORTER_OTLP_HEADERS has it; a value may be percent-encoded */
export function parseHeaders(text: string): Record<string, string> {
  const pairs = text
    .split(/[,\n]/)
    .map((pair) => /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair))
    .flatMap((match) => (match === null ? [] : [[match[1]!, decoded(match[2]!)] as const]));
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
