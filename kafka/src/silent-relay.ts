import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import net, { type AddressInfo, type Server, Socket } from 'node:net';

/**
 * Stands, in tests, between this process's clients and a broker, and lets packets vanish without a word: a connection
 * that has fallen silent is neither closed nor reset, like one to a zone that is cut off.
 */
export class SilentRelay {
  readonly #server: Server;
  readonly #port: number;
  readonly #connect = net.connect;
  readonly #sockets = new Set<Socket>();
  #silentUntil = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
  }

  /** From here on whoever connects to the port is connected to the relay. */
  static async start(port: number): Promise<SilentRelay> {
    const server = net.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const relay = new SilentRelay(server, port);
    server.on('connection', (client) => relay.#relay(client));
    const { port: relayPort } = server.address() as AddressInfo;
    const relayed = ((options: net.TcpNetConnectOpts, connected: () => void) =>
      relay.#connect(
        options.port === port ? { ...options, port: relayPort } : options,
        connected,
      )) as typeof net.connect;
    relay.#redirect(relayed);
    return relay;
  }

  /**
   * The connections that there are fall silent, for good; new ones work.
   *
   * @param milliseconds for so long those that are opened meanwhile fall silent, too
   */
  fallSilent(milliseconds = 0): void {
    this.#silentUntil = performance.now() + milliseconds;
    for (const socket of this.#sockets) socket.removeAllListeners('data');
  }

  async stop(): Promise<void> {
    this.#redirect(this.#connect);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  /** Has this process's clients connect by it, whichever of Node's two names for the same they use. */
  #redirect(connect: typeof net.connect): void {
    net.connect = connect;
    net.createConnection = connect;
    syncBuiltinESMExports();
  }

  #relay(client: Socket): void {
    const isHeard = performance.now() >= this.#silentUntil;
    const broker = new Socket().connect(this.#port, '127.0.0.1');
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (bytes) => {
        if (isHeard) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
