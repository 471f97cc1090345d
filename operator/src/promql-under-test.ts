/** What tests want to know of PromQL: whether it is any, and whether the metrics and labels that it names exist. */
import { parser } from '@prometheus-io/lezer-promql';
import { Metrics as WorkerMetrics } from '@integration-hub/workers';
import { Metrics } from './metrics.js';

/** The metrics that an expression names, each with the labels by which it chooses among their series. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** @throws Error where it is not PromQL */
export function selectorsOf(expr: string): Selector[] {
  const selectors: { metric: string; labels: string[] }[] = [];
  parser.parse(expr).iterate({
    enter: ({ type, from, to, node }) => {
      const text = expr.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expr}`);
      if (type.name === 'VectorSelector') selectors.push({ metric: '', labels: [] });
      if (type.name === 'Identifier' && selectors.length > 0 && selectors.at(-1)!.metric === '') {
        selectors.at(-1)!.metric = text;
      }
      // Those of `by` and `on` choose nothing.
      const isMatcher = node.parent?.name.endsWith('LabelMatcher') === true;
      if (type.name === 'LabelName' && isMatcher) selectors.at(-1)!.labels.push(text);
    },
  });
  return selectors;
}

/** Every series' name that workers and operator export, with the labels that it may have. */
export async function exportedMetrics(): Promise<Map<string, readonly string[]>> {
  const registries = [
    new WorkerMetrics('hospital').registry,
    new Metrics(
      () => 0,
      () => [],
    ).registry,
  ];
  const names = new Map<string, readonly string[]>();
  for (const registry of registries) {
    for (const { name } of await registry.getMetricsAsJSON()) {
      const metric = registry.getSingleMetric(name) as unknown as { type?: string; labelNames: string[] };
      // What Prometheus adds for each process, and what is said of all of a worker's.
      const labels = [...metric.labelNames, 'namespace', 'pod', 'job', 'instance', 'le'];
      for (const suffix of ['', '_bucket', '_sum', '_count']) names.set(`${name}${suffix}`, labels);
    }
  }
  return names;
}
