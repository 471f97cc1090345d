/**
 * What a worker counts for Prometheus, as OpenTelemetry's metrics: the same figures, read off the same registry. What
 * has a name in OpenTelemetry's semantic conventions has it here (https://opentelemetry.io/docs/specs/semconv/); what
 * is ours is `ihub.…`, so that a Collector that writes for Prometheus gives it back the name it has at /metrics.
 */
import { ValueType, type Attributes, type HrTime } from '@opentelemetry/api';
import { hrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  type CollectionResult,
  type DataPoint,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValue, MetricValueWithName, Registry } from 'prom-client';

interface Conventional {
  readonly name: string;
  readonly unit: string;
  readonly attributes?: Attributes;
}

const kafka = { 'messaging.system': 'kafka' };

/** Prometheus' names of what the conventions name. */
const conventional: Readonly<Record<string, readonly Conventional[]>> = {
  process_cpu_user_seconds_total: [
    { name: 'process.cpu.time', unit: 's', attributes: { 'cpu.mode': 'user' } },
  ],
  process_cpu_system_seconds_total: [
    { name: 'process.cpu.time', unit: 's', attributes: { 'cpu.mode': 'system' } },
  ],
  process_resident_memory_bytes: [{ name: 'process.memory.usage', unit: 'By' }],
  process_virtual_memory_bytes: [{ name: 'process.memory.virtual', unit: 'By' }],
  process_open_fds: [{ name: 'process.unix.file_descriptor.count', unit: '{file_descriptor}' }],
  nodejs_eventloop_lag_p50_seconds: [{ name: 'nodejs.eventloop.delay.p50', unit: 's' }],
  nodejs_eventloop_lag_p90_seconds: [{ name: 'nodejs.eventloop.delay.p90', unit: 's' }],
  nodejs_eventloop_lag_p99_seconds: [{ name: 'nodejs.eventloop.delay.p99', unit: 's' }],
  nodejs_eventloop_lag_max_seconds: [{ name: 'nodejs.eventloop.delay.max', unit: 's' }],
  ihub_messages_acknowledged_total: [
    {
      name: 'messaging.client.sent.messages',
      unit: '{message}',
      attributes: { ...kafka, 'messaging.operation.name': 'send' },
    },
  ],
  ihub_messages_transformed_total: [
    {
      name: 'messaging.client.consumed.messages',
      unit: '{message}',
      attributes: { ...kafka, 'messaging.operation.name': 'process' },
    },
  ],
  ihub_store_seconds: [
    {
      name: 'messaging.client.operation.duration',
      unit: 's',
      attributes: { ...kafka, 'messaging.operation.name': 'send', 'messaging.operation.type': 'send' },
    },
  ],
};

type PromMetric = MetricObjectWithValues<MetricValue<string>>;

/** Reads a registry each time that metrics are sent. */
export class PrometheusMetrics implements MetricProducer {
  readonly #registry: Registry;
  readonly #since: HrTime = hrTime();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async collect(): Promise<CollectionResult> {
    const found = await this.#registry.getMetricsAsJSON();
    const times = { startTime: this.#since, endTime: hrTime() };
    const metrics = found.flatMap((metric) =>
      namesOf(metric.name).map((as) => metricData(metric, as, times)),
    );
    const scope = { name: 'integration-hub' };
    const resource = emptyResource(); // The reader puts its own in its place.
    return { resourceMetrics: { resource, scopeMetrics: [{ scope, metrics: joined(metrics) }] }, errors: [] };
  }
}

function namesOf(name: string): readonly Conventional[] {
  const known = conventional[name] ?? [];
  if (!name.startsWith('ihub_')) return known;
  const unit = /_seconds(_total)?$/.test(name) ? 's' : /_bytes(_total)?$/.test(name) ? 'By' : '1';
  const bare = name.replace(/^ihub_/, 'ihub.').replace(/(_seconds|_bytes)?(_total)?$/, '');
  return [{ name: bare, unit }, ...known];
}

type Times = Pick<DataPoint<unknown>, 'startTime' | 'endTime'>;

function metricData({ type, help, values }: PromMetric, as: Conventional, times: Times): MetricData {
  const base = {
    descriptor: { name: as.name, description: help, unit: as.unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  // prom-client's declaration says numbers, its histograms and summaries give texts.
  const isHistogram = String(type) === 'histogram';
  if (isHistogram) {
    const dataPoints = histograms(values, as, times);
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = values.map(({ labels, value }) => ({
    ...times,
    attributes: { ...presentLabels(labels), ...as.attributes },
    value,
  }));
  if (String(type) === 'counter') {
    return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
  }
  return { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
}

/** Prometheus' buckets each hold the smaller ones too; OpenTelemetry's don't. */
function histograms(
  values: readonly MetricValueWithName<string>[],
  as: Conventional,
  times: Times,
): DataPoint<Histogram>[] {
  const series = Map.groupBy(values, ({ labels }) => JSON.stringify({ ...labels, le: undefined }));
  return [...series.values()].map((parts) => {
    const buckets = parts.filter(({ metricName }) => metricName?.endsWith('_bucket'));
    const part = (ending: string): number =>
      parts.find(({ metricName }) => metricName?.endsWith(ending))?.value ?? 0;
    const boundaries = buckets.map(({ labels }) => Number(labels['le'])).filter(Number.isFinite);
    const counts = buckets.map(({ value }, index) => value - (buckets[index - 1]?.value ?? 0));
    const labels = { ...parts[0]!.labels, le: undefined };
    return {
      ...times,
      attributes: { ...presentLabels(labels), ...as.attributes },
      value: { buckets: { boundaries, counts }, sum: part('_sum'), count: part('_count') },
    };
  });
}

function presentLabels(labels: Readonly<Partial<Record<string, string | number>>>): Attributes {
  const present = Object.entries(labels).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(
    present.map(([name, value]) => [
      name === 'flow' || name === 'destination' || name === 'health_board' || name === 'peer'
        ? `ihub.${name}`
        : name,
      value!,
    ]),
  );
}

/** Figures that have one name, such as both modes of process.cpu.time, are points of one metric. */
function joined(metrics: readonly MetricData[]): MetricData[] {
  return [...Map.groupBy(metrics, ({ descriptor }) => descriptor.name).values()].map(
    (same) =>
      ({
        ...same[0]!,
        dataPoints: same.flatMap(({ dataPoints }) => dataPoints as DataPoint<unknown>[]),
      }) as MetricData,
  );
}
