/**
 * OpenTelemetry of the operator: a span for each reconcile, and its metrics, sent as the workers send theirs. Nothing is
 * loaded where no endpoint is configured.
 */
import { randomUUID } from 'node:crypto';
import {
  parseHeaders,
  startTelemetry,
  type Log,
  type Telemetry,
  type Traces,
} from '@integration-hub/workers';
import { z } from 'zod';
import type { Metrics } from './metrics.js';

/** Variables that OpenTelemetry names: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
const environmentSchema = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: z.union([z.literal(''), z.url({ protocol: /^https?$/ })]).optional(),
  OTEL_EXPORTER_OTLP_CERTIFICATE: z.string().min(1).optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().default(''),
  OTEL_SERVICE_NAME: z.string().min(1).default('integration-hub-operator'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
});

export interface TracingParts {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of this process. */
  readonly namespace: string;
}

/**
 * Starts the export of spans and metrics over OTLP/HTTP where OTEL_EXPORTER_OTLP_ENDPOINT says where to
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). OTEL_EXPORTER_OTLP_HEADERS is sent with them, and
 * OTEL_EXPORTER_OTLP_CERTIFICATE names a file of the authorities that an https endpoint is trusted by.
 *
 * @throws z.ZodError where a variable is wrong
 */
export async function startTracing(
  environment: Readonly<Record<string, string | undefined>>,
  { log, metrics, namespace }: TracingParts,
): Promise<Telemetry> {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_HEADERS,
    OTEL_SERVICE_NAME,
    OTEL_TRACES_SAMPLER_ARG,
  } = environmentSchema.parse(environment);
  const configuration = OTEL_EXPORTER_OTLP_ENDPOINT
    ? {
        endpoint: OTEL_EXPORTER_OTLP_ENDPOINT,
        headersFile: null,
        caFile: OTEL_EXPORTER_OTLP_CERTIFICATE ?? null,
        sampleRatio: OTEL_TRACES_SAMPLER_ARG,
        spansFolder: '/tmp/ihub-spans',
      }
    : null;
  const { registry, spans } = metrics;
  const headers = parseHeaders(OTEL_EXPORTER_OTLP_HEADERS);
  const parts = { service: OTEL_SERVICE_NAME, namespace, log, registry, headers, spans };
  return startTelemetry(configuration, parts);
}

/** Runs work within a span; what it throws is noted by its name, not its text. */
export async function inSpan<T>(
  traces: Traces,
  name: string,
  attributes: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const span = traces.begin(randomUUID(), name, 'internal');
  span.set(() => attributes);
  try {
    const result = await work();
    span.end();
    return result;
  } catch (error) {
    span.end({ code: error instanceof Error ? error.name : 'error' });
    throw error;
  }
}
