/**
 * Reads requests of OTLP in protobuf: for the file of spans, which is JSON, and for tests. Of the messages only what
 * is sent here (https://github.com/open-telemetry/opentelemetry-proto); fields that are not named are skipped.
 */
import protobuf from 'protobufjs';

const { root } = protobuf.parse(`
  syntax = "proto3";
  message AnyValue {
    oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
  }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message Scope { string name = 1; }

  message TraceRequest { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Link { bytes trace_id = 1; bytes span_id = 2; fixed32 flags = 6; }
  message Status { string message = 2; int32 code = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
    repeated KeyValue attributes = 9; repeated Link links = 13; Status status = 15; fixed32 flags = 16;
  }

  message MetricsRequest { repeated ResourceMetrics resource_metrics = 1; }
  message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; }
  message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; }
  message Metric {
    string name = 1; string description = 2; string unit = 3;
    oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; }
  }
  message Gauge { repeated NumberPoint data_points = 1; }
  message Sum { repeated NumberPoint data_points = 1; int32 aggregation_temporality = 2; bool is_monotonic = 3; }
  message Histogram { repeated HistogramPoint data_points = 1; int32 aggregation_temporality = 2; }
  message NumberPoint {
    repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
    oneof value { double as_double = 4; sfixed64 as_int = 6; }
  }
  message HistogramPoint {
    repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
    fixed64 count = 4; double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
  }
`);

type Value = { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean };
export interface OtlpAttribute {
  key: string;
  value: Value;
}
interface OtlpResource {
  attributes: OtlpAttribute[];
}
/** As OTLP's JSON has it: ids hexadecimal, 64-bit numbers as texts. */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: OtlpAttribute[];
  links?: { traceId: string; spanId: string; flags?: number }[];
  status?: { code?: number; message?: string };
  flags?: number;
}
export interface OtlpPoint {
  attributes?: OtlpAttribute[];
  asDouble?: number;
  asInt?: string;
  count?: string;
  sum?: number;
  bucketCounts?: string[];
  explicitBounds?: number[];
}
export interface OtlpMetric {
  name: string;
  unit?: string;
  sum?: { dataPoints: OtlpPoint[]; isMonotonic?: boolean };
  gauge?: { dataPoints: OtlpPoint[] };
  histogram?: { dataPoints: OtlpPoint[] };
}
/** ExportTraceServiceRequest. */
export interface OtlpTraces {
  resourceSpans?: { resource: OtlpResource; scopeSpans: { spans: OtlpSpan[] }[] }[];
}
/** ExportMetricsServiceRequest. */
export interface OtlpMetrics {
  resourceMetrics?: { resource: OtlpResource; scopeMetrics: { metrics: OtlpMetric[] }[] }[];
}

/** @throws Error where it is no ExportTraceServiceRequest */
export function readOtlpTraces(request: Uint8Array): OtlpTraces {
  return read('TraceRequest', request) as OtlpTraces;
}

/** @throws Error where it is no ExportMetricsServiceRequest */
export function readOtlpMetrics(request: Uint8Array): OtlpMetrics {
  return read('MetricsRequest', request) as OtlpMetrics;
}

function read(type: string, request: Uint8Array): unknown {
  const message = root.lookupType(type);
  return withHexIds(message.toObject(message.decode(request), { longs: String }));
}

/** All bytes here are ids, and in OTLP's JSON ids are hexadecimal. */
function withHexIds(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(withHexIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withHexIds(part)]));
}
