/** Starts OpenTelemetry where it is configured, and loads nothing of it where it isn't. */
import { hostname } from 'node:os';
import type { TelemetryConfiguration } from '@integration-hub/api';
import type { Counter, Registry } from 'prom-client';
import type { Log } from '../log.js';
import { noTraces, type Traces } from './traces.js';

/** How often metrics are sent, in milliseconds. */
const metricsEveryMs = 15_000;
/** How long a stop waits for what has not been sent. */
const closeMs = 2_000;

export interface TelemetryParts {
  /** `service.name`, and names the file of spans: the stage, or the operator. */
  readonly service: string;
  /** `service.namespace`. */
  readonly namespace: string;
  readonly log: Log;
  readonly registry: Registry;
  /** What is sent with each request beside what the configuration says. Absent: nothing. */
  readonly headers?: Readonly<Record<string, string>>;
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
  { service, namespace, log, registry, headers, spans }: TelemetryParts,
): Promise<Telemetry> {
  if (configuration === null) return { traces: noTraces, close: () => Promise.resolve() };
  const [
    { OTLPMetricExporter },
    { MeterProvider, PeriodicExportingMetricReader },
    { resourceFromAttributes },
    { Circuit },
    { MessageTraces },
    { OtlpEndpoint, requestMs },
    { PrometheusMetrics },
    { SpanBatches },
    { requestHead },
    { SpanFile },
  ] = await Promise.all([
    import('@opentelemetry/exporter-metrics-otlp-proto'),
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/resources'),
    import('./circuit.js'),
    import('./message-traces.js'),
    import('./otlp-endpoint.js'),
    import('./otlp-metrics.js'),
    import('./span-batches.js'),
    import('./span-encoder.js'),
    import('./span-file.js'),
  ]);
  const { sampleRatio, spansFolder } = configuration;
  const endpoint = new OtlpEndpoint(configuration, log, headers);
  const attributes = {
    'service.name': service,
    'service.namespace': namespace,
    'service.instance.id': `${hostname()}-${process.pid}`,
  };
  const circuit = new Circuit({
    endpoint,
    head: requestHead(attributes, 'integration-hub'),
    file: new SpanFile(spansFolder, service),
    log,
    count: (outcome, number) => spans.inc({ outcome }, number),
  });
  const batches = new SpanBatches({
    send: (batch) => circuit.send(batch),
    onDropped: () => spans.inc({ outcome: 'dropped' }),
  });
  const exporter = new OTLPMetricExporter({
    url: `${endpoint.url}/v1/metrics`,
    headers: async () => ({ ...(await endpoint.headers()) }),
    httpAgentOptions: () => endpoint.agent,
    timeoutMillis: requestMs,
  });
  // Sums that are cumulative: what can't be sent is in the next request.
  const metrics = new MeterProvider({
    resource: resourceFromAttributes(attributes),
    readers: [
      new PeriodicExportingMetricReader({
        exporter,
        exportIntervalMillis: metricsEveryMs,
        exportTimeoutMillis: requestMs,
        metricProducers: [new PrometheusMetrics(registry)],
      }),
    ],
  });
  const traces = new MessageTraces({ batches, sampleRatio });
  return {
    traces,
    close: async () => {
      const closed = Promise.allSettled([batches.flush(), metrics.shutdown()]);
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, closeMs).unref())]);
      endpoint.agent.destroy();
    },
  };
}
