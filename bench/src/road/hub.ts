/** Our hub as a road: the shipped PHW flow, validation and mapping on, every stage a process, on a Kafka that runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { problemText, readResources } from '@integration-hub/api';
import { LocalHub } from '@integration-hub/cli';
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
}

export interface HubRoad extends Road {
  readonly hub: LocalHub;
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
  const inNamespace = (text: string): string =>
    text.replace('metadata:\n', `metadata:\n  namespace: ${namespace}\n`);
  const read = readResources([flow, destination].map(inNamespace).join('\n---\n'), 'the benchmark');
  if (read.problems.length > 0) throw new Error(read.problems.map(problemText).join('\n'));
  const hub = await LocalHub.start(
    { hub: undefined, ...read },
    { directory: join(directory, namespace), kafka, addresses: new Map(), onProgress: () => undefined },
  );
  const deadline = performance.now() + 60_000;
  while (!hub.workers.every((worker) => worker.state === 'running')) {
    if (performance.now() > deadline) throw new Error(`${name}: not every worker has started`);
    await sleep(100);
  }
  const messages = new Template(template);
  return {
    name,
    port,
    hub,
    sumOf: (source) => mappedSum(messages.message(source, 1)),
    pids: () => hub.workers.flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    stop: () => hub.stop(),
  };
}

/** The sum of what the PHW mapping makes of a message. */
export function mappedSum(message: Buffer): number {
  return readNumbered(builtInMapping('phw').map(Message.parse(message))).sum;
}
