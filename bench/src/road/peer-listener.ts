/**
 * Listeners that Node has beside ours, each as its README has it, with kafkajs behind it: a message is acknowledged
 * once it is stored on all in-sync replicas. No validation, and no order but that of a connection. A process of its
 * own; the parent sends a PeerOrder, and is answered when it listens. kafkajs is as it is published here, without our
 * package's repairs.
 */
import { createRequire } from 'node:module';
import { Hl7Message } from '@medplum/core';
import { type Hl7MessageEvent, Hl7Server } from '@medplum/hl7';
import { Kafka, logLevel, type Producer } from 'kafkajs';
import { Server } from 'node-hl7-server';
import { answerOrders } from './orders.js';

// Its types can't be read by TypeScript from an ES module.
const { MLLPServer } = createRequire(import.meta.url)('nodehl7') as {
  MLLPServer: new (handler: (message: Buffer, reply: (answer: string) => void) => void) => {
    listen(port: number, host: string, listening: () => void): void;
  };
};

export type PeerListener = '@medplum/hl7' | 'nodehl7' | 'node-hl7-server';

export interface PeerOrder {
  readonly peer: PeerListener;
  readonly port: number;
  readonly kafka: string;
  readonly topic: string;
}

/** Stores a message; its key is the patient, as ours. */
type Store = (text: string) => Promise<void>;

async function run({ peer, port, kafka, topic }: PeerOrder): Promise<void> {
  const client = new Kafka({ brokers: [kafka], clientId: peer, logLevel: logLevel.ERROR });
  const producer: Producer = client.producer();
  await producer.connect();
  const store: Store = async (text) => {
    const key = Hl7Message.parse(text).getSegment('PID')?.getField(3).getComponent(1) ?? '';
    await producer.send({ topic, acks: -1, messages: [{ key, value: text }] });
  };
  await start[peer](port, store);
}

const start: Record<PeerListener, (port: number, store: Store) => Promise<void>> = {
  '@medplum/hl7': async (port, store) => {
    const server = new Hl7Server((connection) => {
      connection.addEventListener('message', ({ message }: Hl7MessageEvent) => {
        void store(message.toString()).then(() => connection.send(message.buildAck()));
      });
    });
    await server.start(port);
  },
  nodehl7: (port, store) => {
    const server = new MLLPServer((message, reply) => {
      const text = message.toString();
      void store(text).then(() => reply(Hl7Message.parse(text).buildAck().toString()));
    });
    return new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  },
  'node-hl7-server': (port, store) => {
    const server = new Server();
    const inbound = server.createInbound({ port }, (request, response) => {
      void store(request.getMessage().toString()).then(() => response.sendResponse('AA'));
    });
    return new Promise((resolve) => inbound.once('listen', () => resolve()));
  },
};

answerOrders(run);
