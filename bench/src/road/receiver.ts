/**
 * The receiving system of a benchmark, as a process of its own: acknowledges every message at once, and writes down
 * which came, when, and the sum of its content. The parent asks for its port, or of a round `{ count }` or `{ take }`.
 */
import { createServer, type AddressInfo } from 'node:net';
import { encodeFrame, FrameDecoder } from '@integration-hub/hl7';
import { readNumbered } from './numbered-message.js';
import { answerOrders } from './orders.js';

/** What came of one source, in the order in which it came. */
export interface Arrivals {
  readonly numbers: number[];
  readonly sums: number[];
  /** In milliseconds since 1970. */
  readonly at: number[];
}

export type ReceiverOrder = { readonly port: true } | { readonly count: string } | { readonly take: string };

/** By the round, then by the source. */
const rounds = new Map<string, Map<string, Arrivals>>();

function arrivalsOf(source: string): Arrivals {
  const round = source.slice(0, source.lastIndexOf('.'));
  let sources = rounds.get(round);
  if (sources === undefined) rounds.set(round, (sources = new Map<string, Arrivals>()));
  let arrivals = sources.get(source);
  if (arrivals === undefined) sources.set(source, (arrivals = { numbers: [], sums: [], at: [] }));
  return arrivals;
}

const server = createServer({ noDelay: true }, (socket) => {
  const decoder = new FrameDecoder({ maxContentBytes: 16 * 1_048_576 });
  const sink = {
    frame: (content: Buffer): void => {
      const { controlId, source, number, sum } = readNumbered(content);
      const arrivals = arrivalsOf(source);
      arrivals.numbers.push(number);
      arrivals.sums.push(sum);
      arrivals.at.push(performance.timeOrigin + performance.now());
      const reply = `MSH|^~\\&|100|100|252|252|20260304091527||ACK^A31^ACK|${controlId}|P|2.5\rMSA|AA|${controlId}\r`;
      socket.write(encodeFrame(Buffer.from(reply, 'latin1')));
    },
    violation: ({ message }: { message: string }): void => {
      console.error(`receiver: ${message}`);
      socket.destroy();
    },
  };
  socket.on('data', (chunk) => decoder.push(chunk, sink));
  socket.on('error', () => undefined);
});
function answer(order: ReceiverOrder): number | Map<string, Arrivals> {
  if ('port' in order) return (server.address() as AddressInfo).port;
  if ('count' in order) {
    let count = 0;
    for (const { numbers } of rounds.get(order.count)?.values() ?? []) count += numbers.length;
    return count;
  }
  const taken = rounds.get(order.take) ?? new Map<string, Arrivals>();
  rounds.delete(order.take);
  return taken;
}

server.listen(0, '127.0.0.1', () => answerOrders(answer));
