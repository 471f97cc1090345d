/**
 * How long the operator takes to make everything for so many flows from a cold start, and how large it grows:
 * `node e2e/dist/operator-scale.js 10 100 1000`. One API server, one broker and the operator share the machine; the
 * CPU seconds are the operator's own.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterUnderTest } from './operator-under-test.js';

const apiVersion = 'integrationhub.dev/v1alpha1';

function resources(namespace: string, count: number): object[] {
  const destination = {
    apiVersion,
    kind: 'Destination',
    metadata: { name: 'mpi', namespace },
    spec: { mllp: { host: 'mpi.example', port: 2576 } },
  };
  const flows = Array.from({ length: count }, (_, index) => ({
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: { name: `flow-${index}`, namespace },
    spec: {
      listener: { mllp: { port: 10_000 + index } },
      transformer: { mapping: { name: 'phw' } },
      destinations: [{ name: 'mpi' }],
    },
  }));
  return [destination, ...flows];
}

function metric(text: string, name: string): number {
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? NaN);
}

async function measure(count: number): Promise<object> {
  const cluster = await ClusterUnderTest.start();
  try {
    const namespace = 'scale';
    await cluster.hub(namespace);
    const all = resources(namespace, count);
    for (let from = 0; from < all.length; from += 200) await cluster.apply(...all.slice(from, from + 200));
    const begunAt = Date.now();
    const operator = await cluster.operator();
    let objectsAfter = NaN;
    let largest = 0;
    for (;;) {
      const { text } = await operator.get('/metrics');
      largest = Math.max(largest, metric(text, 'process_resident_memory_bytes'));
      const written = operator.lines.filter(({ message }) => message === 'written').length;
      // Eleven objects a flow, and five of the destination.
      if (Number.isNaN(objectsAfter) && written >= 11 * count + 5) objectsAfter = Date.now() - begunAt;
      // To read the audit log takes the machine's time as well.
      const isAtRest =
        !Number.isNaN(objectsAfter) && (await cluster.writes(new Date(Date.now() - 3_000))).length === 0;
      if (isAtRest) {
        await operator.stop();
        return {
          flows: count,
          objectsSeconds: objectsAfter / 1000,
          restSeconds: (Date.now() - begunAt - 3_000) / 1000,
          operatorCpuSeconds: metric(text, 'process_cpu_seconds_total'),
          largestMiB: Math.round(largest / 1_048_576),
          writes: (await cluster.writes(new Date(begunAt))).length,
        };
      }
      await sleep(1_000);
    }
  } finally {
    await cluster.stop();
  }
}

for (const count of process.argv.slice(2).map(Number)) console.log(JSON.stringify(await measure(count)));
