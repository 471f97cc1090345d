/** Our hub as a road: the shipped PHW flow, validation and mapping on, every stage a process, on a Kafka that runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { problemText, readResources } from '@integration-hub/api';
import { LocalHub, plainKafka } from '@integration-hub/cli';
import { builtInMapping, Message } from '@integration-hub/hl7';
import { freePort } from '@integration-hub/kafka';
import { readNumbered, Template } from './numbered-message.js';
import type { Road } from './round.js';

export interface HubSettings {
  readonly name: string;
  /** Resources' namespace, so that several hubs share a Kafka. */
  readonly namespace: string;
  /** Path of the field that orders the flow; absent: one order for the flow, which is the default. */
  readonly orderBy?: string;
  /** Of the flow's and of the destination's topic. */
  readonly partitions: number;
  /** Connections to the receiver. */
  readonly connections: number;
  readonly kafka: string;
  readonly receiverPort: number;
  readonly directory: string;
  readonly template: Buffer;
  /** URL of OTLP/HTTP to which traces go; absent: none. */
  readonly telemetry?: string | undefined;
  /** Share of messages that are traced; absent: all. */
  readonly sampleRatio?: number | undefined;
}

export interface HubRoad extends Road {
  readonly hub: LocalHub;
  /** Those that a message goes through, in that order. */
  readonly topics: readonly string[];
}

function shipped(name: string): string {
  return readFileSync(new URL(`../../../manifests/flows/${name}.yaml`, import.meta.url), 'utf8');
}

/** @throws Error where a manifest is wrong or a worker does not start */
export async function startHub(settings: HubSettings): Promise<HubRoad> {
  const { name, namespace, orderBy, partitions, connections, kafka, receiverPort, directory, template } =
    settings;
  const port = await freePort();
  const ordering =
    orderBy === undefined
      ? ''
      : `ordering:\n    by: Field\n    path: ${orderBy}\n    partitions: ${partitions}\n  `;
  const flow = shipped('phw-to-mpi')
    .replace('port: 2575', `port: ${port}`)
    .replace('spec:\n  ', `spec:\n  ${ordering}`);
  const destination = shipped('mpi')
    .replace('host: localhost', `host: 127.0.0.1\n    connections: ${connections}`)
    .replace('port: 2576', `port: ${receiverPort}`)
    .replace(/ {2}throttle:\n.*\n/, `  partitions: ${partitions}\n`);
  const { telemetry, sampleRatio } = settings;
  const where = { kafka, directory, telemetry, sampleRatio };
  const hub = await startResources([flow, destination], namespace, where);
  const messages = new Template(template);
  return {
    name,
    port,
    hub,
    topics: [`ihub.${namespace}.phw-to-mpi.received`, `ihub.${namespace}.mpi.outbound`],
    sumOf: (source) => mappedSum(messages.message(source, 1)),
    pids: () => hub.workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    stop: () => hub.stop(),
  };
}

/**
 * Starts flows that do nothing but take messages in and pass them on, to one destination: a listener for each, and one
 * sender.
 *
 * @throws Error where a worker does not start
 */
export async function startLightFlows(
  count: number,
  { kafka, directory }: Pick<HubSettings, 'kafka' | 'directory'>,
): Promise<LocalHub> {
  const flows = await Promise.all(
    Array.from({ length: count }, async (_, number) =>
      [
        'apiVersion: integrationhub.dev/v1alpha1',
        'kind: IntegrationFlow',
        'metadata:',
        `  name: light-${number}`,
        `spec: { listener: { mllp: { port: ${await freePort()} } }, destinations: [{ name: mpi }] }`,
      ].join('\n'),
    ),
  );
  return startResources([...flows, shipped('mpi')], `light-${count}`, { kafka, directory });
}

/** Starts what resources say, in a namespace of its own, and waits until it runs. */
async function startResources(
  resources: readonly string[],
  namespace: string,
  {
    kafka,
    directory,
    telemetry,
    sampleRatio,
  }: Pick<HubSettings, 'kafka' | 'directory' | 'telemetry' | 'sampleRatio'>,
): Promise<LocalHub> {
  const inNamespace = (text: string): string =>
    text.replace('metadata:\n', `metadata:\n  namespace: ${namespace}\n`);
  const read = readResources(resources.map(inNamespace).join('\n---\n'), 'the benchmark');
  if (read.problems.length > 0) throw new Error(read.problems.map(problemText).join('\n'));
  const hub = await LocalHub.start(
    { hub: undefined, ...read },
    {
      directory: join(directory, namespace),
      kafka: plainKafka([kafka]),
      addresses: new Map(),
      telemetry,
      sampleRatio,
      onProgress: () => undefined,
    },
  );
  const deadline = performance.now() + 120_000;
  while (!hub.workers.every((worker) => worker.state === 'running')) {
    if (performance.now() > deadline) throw new Error(`${namespace}: not every worker has started`);
    await sleep(100);
  }
  return hub;
}

/** The sum of what the PHW mapping makes of a message. */
export function mappedSum(message: Buffer): number {
  return readNumbered(builtInMapping('phw').map(Message.parse(message))).sum;
}
