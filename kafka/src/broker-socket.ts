/** The one place that opens sockets to brokers. */
import net from 'node:net';
import tls from 'node:tls';
import type { KafkaConnection } from './connection.js';

/**
 * After so long without a word, in milliseconds, the peer's kernel is asked each second whether it is there; a broker that has
 * vanished with its zone is so noticed after 11 s, though nothing is asked of it.
 */
export const KEEP_ALIVE = 1_000;

/** A connection to one broker. */
export interface BrokerSocket {
  /** What is read from and written to. */
  readonly socket: net.Socket;
  /**
   * Closes it with a reset, with or without TLS. What is left in the kernel's hands of a request would otherwise still
   * reach a broker that can't be reached at present, and be written long after it was given up.
   */
  reset(error: Error): void;
}

/**
 * Opens a connection to a broker, with TLS where that is how its Kafka is connected to.
 *
 * @param onConnect is told once requests can be written: with TLS, when the broker's certificate has been found good
 * @throws what {@link KafkaTls.read} throws
 */
export function openBrokerSocket(
  connection: Pick<KafkaConnection, 'tls'>,
  { host, port }: { readonly host: string; readonly port: number },
  onConnect: () => void,
): BrokerSocket {
  const texts = connection.tls?.read();
  if (texts === undefined) {
    const socket = net.connect({ host, port }, onConnect);
    return { socket, reset: (error) => reset(socket, socket, error) };
  }
  // By itself, for what TLS makes of a socket can't be reset.
  const wire = net.connect({ host, port });
  const socket = tls.connect(
    {
      socket: wire,
      host,
      ...(net.isIP(host) === 0 && { servername: host }),
      minVersion: 'TLSv1.2',
      ...texts,
    },
    onConnect,
  );
  wire.on('error', (error) => socket.destroy(error));
  return { socket, reset: (error) => reset(socket, wire, error) };
}

function reset(socket: net.Socket, wire: net.Socket, error: Error): void {
  // A socket that has been ended in good order can't be reset any more, and would keep its handle for ever.
  if (wire.connecting || socket.writableEnded || wire.destroyed) {
    wire.destroy();
    socket.destroy(error);
    return;
  }
  wire.resetAndDestroy();
  if (socket === wire) socket.emit('error', error);
  else socket.destroy(error);
}

/** Tells when a connection fails, or its broker ends it; not when it is ended here. */
export function noticeLoss(socket: net.Socket, onLost: () => void): void {
  socket.once('error', onLost);
  socket.once('end', () => {
    if (!socket.writableEnded) onLost();
  });
}
