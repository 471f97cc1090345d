/** Headers of requests, as OpenTelemetry has them in a variable or a file. */

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
