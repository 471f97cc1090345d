/** Reads what workers show at /metrics: Prometheus' text format, version 0.0.4. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** @returns every sample in the order of the text; lines that are none are passed over */
export function readExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const [, name, labels = '', value] of text.matchAll(
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/gm,
  )) {
    samples.push({ name: name!, labels: readLabels(labels), value: numberOf(value!) });
  }
  return samples;
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name!] = value!.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

function numberOf(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
