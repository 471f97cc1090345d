import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { MllpConnection } from './connection.js';
import { encodeFrame, FrameDecoder } from './frame-decoder.js';
import { MllpError } from './mllp-error.js';
import { TestAuthority } from './test-authority.js';
import type { ClientTls } from './tls.js';

const content = Buffer.from('MSH|^~\\&|252|252|100|100|20260304||ADT^A31|P1|P|2.5\r');
const reply = Buffer.from('MSH|^~\\&|100|100|252|252|20260304||ACK^A31^ACK|1|P|2.5\rMSA|AA|P1\r');
const framedReply = encodeFrame(reply);

const authority = new TestAuthority();
const certificate = authority.issue('receiver');

for (const transport of ['TCP', 'TLS'] as const)
  describe(`MllpConnection over ${transport}`, () => {
    const tls = transport === 'TLS' ? { ca: authority.ca } : undefined;
    /** Of TLS, what lies below. */
    const rawSockets = new Map<number, Socket>();
    const servers: Server[] = [];
    const sockets: Socket[] = [];
    const connections: MllpConnection[] = [];

    afterEach(async () => {
      await Promise.all(connections.splice(0).map((connection) => connection.close()));
      for (const socket of sockets.splice(0)) socket.destroy();
      await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
    });

    /** A peer on a real socket; gives its port. */
    async function peer(accept: (socket: Socket) => void): Promise<number> {
      const server = (
        tls ? createTlsServer({ ...certificate, noDelay: true }) : createServer({ noDelay: true })
      ).on('connection', (socket: Socket) => {
        rawSockets.set(socket.remotePort!, socket);
      });
      server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
        sockets.push(socket);
        socket.on('error', () => undefined);
        accept(socket);
      });
      servers.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    }

    /** A peer that reads each whole message and then does as told. */
    function peerThat(answers: (socket: Socket, message: Buffer) => void): Promise<number> {
      return peer((socket) => {
        const decoder = new FrameDecoder({ maxContentBytes: 10_000_000 });
        const sink = {
          frame: (message: Buffer) => answers(socket, message),
          violation: () => socket.destroy(),
        };
        socket.on('data', (chunk) => decoder.push(chunk, sink));
      });
    }

    async function open(port: number): Promise<MllpConnection> {
      const connection = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5000, tls });
      connections.push(connection);
      return connection;
    }

    async function failure(work: Promise<unknown>): Promise<MllpError> {
      try {
        await work;
      } catch (error) {
        expect(error).to.be.instanceOf(MllpError);
        return error as MllpError;
      }
      throw new Error('expected a failure');
    }

    /** The exchange fails as stated, and the connection never carries another one. */
    async function failsAndEnds(
      connection: MllpConnection,
      code: string,
      timeoutMs = 5000,
    ): Promise<MllpError> {
      const error = await failure(connection.exchange(content, timeoutMs));
      expect(error).to.include({ code, sentAny: true });
      expect(connection.usable).to.equal(false);
      expect(await failure(connection.exchange(content, timeoutMs))).to.include({
        code: 'CLOSED',
        sentAny: false,
      });
      return error;
    }

    it('gives each message its reply, one after another on one connection', async () => {
      const connection = await open(await peerThat((socket, message) => socket.write(encodeFrame(message))));
      for (const text of ['one', 'two', 'three']) {
        expect((await connection.exchange(Buffer.from(text), 5000)).toString()).to.equal(text);
        expect(await connection.isUsable()).to.equal(true);
      }
    });

    it('carries a message of a megabyte there and back', async () => {
      const connection = await open(await peerThat((socket, message) => socket.write(encodeFrame(message))));
      const large = Buffer.alloc(1_048_576, 'x');
      expect((await connection.exchange(large, 5000)).equals(large)).to.equal(true);
    });

    it('takes a reply that comes a byte at a time', async () => {
      const drip = async (socket: Socket): Promise<void> => {
        for (const byte of framedReply.subarray(0, 20)) {
          socket.write(Buffer.of(byte));
          await delay(1);
        }
        socket.write(framedReply.subarray(20, -1));
        await delay(5);
        socket.write(framedReply.subarray(-1));
      };
      const connection = await open(await peerThat((socket) => void drip(socket.setNoDelay())));
      expect((await connection.exchange(content, 5000)).equals(reply)).to.equal(true);
    });

    it('takes a reply with which the peer closes, and is not usable after it', async () => {
      const connection = await open(await peerThat((socket) => socket.end(framedReply)));
      expect((await connection.exchange(content, 5000)).equals(reply)).to.equal(true);
      await delay(20);
      expect(connection.usable).to.equal(false);
    });

    it('fails with CLOSED when the peer closes without reading', async () => {
      await failsAndEnds(
        await open(await peer((socket) => setTimeout(() => socket.destroy(), 20))),
        'CLOSED',
      );
    });

    it('fails with CLOSED when the peer closes after it has read the message', async () => {
      await failsAndEnds(await open(await peerThat((socket) => socket.destroy())), 'CLOSED');
    });

    it('fails with CLOSED when the peer ends only its own side', async () => {
      await failsAndEnds(await open(await peerThat((socket) => socket.end())), 'CLOSED');
    });

    it('fails with CLOSED when the peer ends its side while the message still goes out', async () => {
      const connection = await open(await peer((socket) => socket.pause().end()));
      const error = await failure(connection.exchange(Buffer.alloc(20_000_000, 'x'), 5000));
      expect(error).to.include({ code: 'CLOSED', sentAny: true });
    });

    it('fails with CLOSED when the peer resets the connection', async () => {
      const error = await failsAndEnds(
        await open(await peerThat((socket) => rawSockets.get(socket.remotePort!)!.resetAndDestroy())),
        'CLOSED',
      );
      expect(error.message).to.contain('ECONNRESET');
    });

    it('fails with CLOSED when the reply ends in the middle', async () => {
      await failsAndEnds(
        await open(await peerThat((socket) => socket.end(framedReply.subarray(0, 30)))),
        'CLOSED',
      );
    });

    it('fails with REPLY_TIMEOUT, and hangs up so that a late reply goes nowhere', async () => {
      let peerSocket: Socket | undefined;
      const connection = await open(await peerThat((socket) => (peerSocket = socket)));
      await failsAndEnds(connection, 'REPLY_TIMEOUT', 50);
      // Over TCP with a reset.
      await once(peerSocket!, 'close').catch(() => undefined);
    });

    it('fails with REPLY_TIMEOUT when the peer does not even read', async () => {
      const connection = await open(await peer((socket) => socket.pause()));
      const error = await failure(connection.exchange(Buffer.alloc(20_000_000, 'x'), 100));
      expect(error).to.include({ code: 'REPLY_TIMEOUT', sentAny: true });
    });

    const badReplies: Record<string, Buffer> = {
      'two replies at once': Buffer.concat([framedReply, framedReply]),
      'the beginning of a second reply': Buffer.concat([framedReply, framedReply.subarray(0, 1)]),
      'a line end behind the reply': Buffer.concat([framedReply, Buffer.from('\n')]),
      'an unframed reply': reply,
      'a reply without an end before another one': Buffer.concat([framedReply.subarray(0, -2), framedReply]),
      'a reply of more than a megabyte': Buffer.concat([Buffer.of(0x0b), Buffer.alloc(1_048_577, 'x')]),
    };
    for (const [name, bytes] of Object.entries(badReplies)) {
      it(`fails with BAD_REPLY for ${name}`, async () => {
        const error = await failsAndEnds(
          await open(await peerThat((socket) => socket.write(bytes))),
          'BAD_REPLY',
        );
        expect(error.message).not.to.contain('MSH');
      });
    }

    it('is not usable after a second reply that comes on its own', async () => {
      let peerSocket: Socket | undefined;
      const port = await peerThat((socket) => {
        peerSocket = socket;
        socket.write(framedReply);
      });
      const connection = await open(port);
      await connection.exchange(content, 5000);
      expect(await connection.isUsable()).to.equal(true);
      peerSocket!.write(framedReply);
      await delay(20);
      expect(await connection.isUsable()).to.equal(false);
      expect(await failure(connection.exchange(content, 5000))).to.include({
        code: 'CLOSED',
        sentAny: false,
      });
    });

    it('takes one exchange at a time', async () => {
      const connection = await open(
        await peerThat((socket) => setTimeout(() => socket.write(framedReply), 20)),
      );
      const first = connection.exchange(content, 5000);
      expect(await failure(connection.exchange(content, 5000))).to.include({ code: 'BUSY', sentAny: false });
      expect((await first).equals(reply)).to.equal(true);
    });

    it('refuses a message that MLLP cannot carry, and stays usable', async () => {
      const connection = await open(await peerThat((socket) => socket.write(framedReply)));
      expect(await failure(connection.exchange(Buffer.from('a\x1cb'), 5000))).to.include({
        code: 'CANNOT_FRAME',
        sentAny: false,
      });
      expect((await connection.exchange(content, 5000)).equals(reply)).to.equal(true);
    });

    it('ends a waiting exchange when it is closed', async () => {
      const connection = await open(await peer(() => undefined));
      const waiting = failure(connection.exchange(content, 5000));
      await connection.close();
      await connection.close();
      expect(await waiting).to.include({ code: 'CLOSED', sentAny: true });
    });

    it('fails with CONNECT_FAILED where nothing listens', async () => {
      const port = await peer(() => undefined);
      await new Promise((done) => servers.pop()!.close(done));
      const error = await failure(open(port));
      expect(error).to.include({ code: 'CONNECT_FAILED', sentAny: false });
      expect(error.message).to.contain(`127.0.0.1:${port} (ECONNREFUSED)`);
    });

    describe('with a peer on another thread, while this thread stands still', () => {
      let worker: Worker;
      const flag = new Int32Array(new SharedArrayBuffer(8));

      afterEach(async () => {
        Atomics.store(flag, 1, 1);
        Atomics.notify(flag, 1);
        await worker.terminate();
      });

      /** Starts the peer; `source` has `server`, `flag` and `done`, which ends the standing still. */
      async function start(source: string): Promise<number> {
        flag.fill(0);
        worker = new Worker(
          `const { workerData: { flag, tls }, parentPort } = require('node:worker_threads');
         const server = tls ? require('node:tls').createServer(tls) : require('node:net').createServer({ noDelay: true });
         let raw;
         server.on('connection', (socket) => { raw = socket; });
         const done = () => { Atomics.store(flag, 0, 1); Atomics.notify(flag, 0); };
         ${source}`,
          { eval: true, workerData: { flag, tls: tls && { ...certificate, noDelay: true } } },
        );
        return ((await once(worker, 'message')) as [number])[0];
      }

      const events: Record<string, string> = {
        FIN: 'socket.end(done)',
        RST: 'raw.resetAndDestroy(); raw.once("close", done)',
        bytes: 'socket.write("x", done)',
      };
      for (const [name, act] of Object.entries(events)) {
        it(`sees before a send the ${name} that only the kernel has seen`, async () => {
          const port = await start(
            `server.on(tls ? 'secureConnection' : 'connection', (socket) => {
             socket.on('error', () => undefined);
             socket.once('data', () => socket.write('\\x0bACK\\x1c\\r'));
             parentPort.once('message', () => { ${act}; });
           });
           server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`,
          );
          const connection = await open(port);
          // Here the event loop is among its reads, so its next turn is the first that can see anything new.
          await connection.exchange(content, 5000);
          worker.postMessage('go');
          // Not equal: the peer was quicker than this thread.
          expect(Atomics.wait(flag, 0, 0, 60_000)).to.be.oneOf(['ok', 'not-equal']);
          expect(connection.usable).to.equal(true);
          expect(await connection.isUsable()).to.equal(false);
        });
      }

      it('fails with CONNECT_TIMEOUT when nobody takes the connection', async () => {
        const port = await start(
          `server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
           parentPort.postMessage(server.address().port);
           setTimeout(() => Atomics.wait(flag, 1, 0), 50);
         });`,
        );
        await delay(100);
        const attempts = Array.from({ length: 6 }, () =>
          MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 300, tls }),
        );
        const results = await Promise.allSettled(attempts);
        for (const result of results) if (result.status === 'fulfilled') connections.push(result.value);
        const reasons = results.flatMap((result) =>
          result.status === 'rejected' ? [result.reason as MllpError] : [],
        );
        expect(reasons).not.to.be.empty;
        // A connection that only the kernel has taken is one that does not begin TLS.
        const codes = tls ? ['CONNECT_TIMEOUT', 'TLS_FAILED'] : ['CONNECT_TIMEOUT'];
        for (const { code, sentAny } of reasons) {
          expect(sentAny).to.equal(false);
          expect(code).to.be.oneOf(codes);
        }
      });
    });
  });

describe('MllpConnection that begins TLS', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  async function listening(server: Server): Promise<number> {
    servers.push(server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  const echo = (socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => socket.write(chunk));
  };
  async function exchange(port: number, tls: ClientTls, connectTimeoutMs = 5000): Promise<Buffer> {
    const connection = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs, tls });
    try {
      return await connection.exchange(content, 5000);
    } finally {
      await connection.close();
    }
  }
  async function failure(work: Promise<unknown>): Promise<MllpError> {
    return work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error as MllpError,
    );
  }
  const { ca } = authority;

  it('compares the certificate with the host, or with the name that is given', async () => {
    const port = await listening(createTlsServer(certificate, echo));
    expect(await exchange(port, { ca })).to.deep.equal(content);
    expect(await exchange(port, { ca, serverName: 'localhost' })).to.deep.equal(content);
    const error = await failure(exchange(port, { ca, serverName: 'mpi.example' }));
    expect(error).to.include({ code: 'TLS_FAILED', tlsFailure: 'WRONG_NAME', sentAny: false });
    expect(error.message).to.match(/^No TLS with 127\.0\.0\.1:\d+: its certificate is for another name$/);
  });

  const wrong: [name: string, failure: string, server: () => Server, tls?: ClientTls][] = [
    ['expired', 'EXPIRED', () => createTlsServer(authority.issue('mpi', { expired: true }))],
    ['of another authority', 'UNKNOWN_AUTHORITY', () => createTlsServer(new TestAuthority('x').issue('mpi'))],
    ['of no public authority', 'UNKNOWN_AUTHORITY', () => createTlsServer(certificate), {}],
    [
      'for clients only',
      'WRONG_PURPOSE',
      () => createTlsServer(authority.issue('mpi', { usage: 'clientAuth' })),
    ],
    [
      'shown with too old a version',
      'VERSION',
      () => createTlsServer({ ...certificate, maxVersion: 'TLSv1.2' }),
      { ca, minVersion: 'TLSv1.3' },
    ],
  ];
  for (const [name, tlsFailure, server, tls = { ca }] of wrong) {
    it(`refuses a certificate that is ${name}`, async () => {
      const error = await failure(exchange(await listening(server()), tls));
      expect(error).to.include({ code: 'TLS_FAILED', tlsFailure, sentAny: false });
    });
  }

  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const mutual = { ...certificate, ca, requestCert: true, maxVersion };
    it(`shows its certificate, and says that it lacks one, with ${maxVersion}`, async () => {
      const port = await listening(createTlsServer(mutual, echo));
      expect(await exchange(port, { ca, ...authority.issue('hub') })).to.deep.equal(content);
      const error = await failure(exchange(port, { ca }));
      expect(error).to.include({ code: 'TLS_FAILED', tlsFailure: 'REFUSED_BY_PEER' });
    });
  }

  it('says that the peer does not speak TLS, or nothing at all', async () => {
    const closes = createServer((socket) =>
      socket.on('error', () => undefined).on('data', () => socket.end()),
    );
    expect(await failure(exchange(await listening(closes), { ca }))).to.include({ tlsFailure: 'CLOSED' });
    const talks = createServer((socket) => socket.on('error', () => undefined).write(framedReply));
    expect(await failure(exchange(await listening(talks), { ca }))).to.include({ tlsFailure: 'NOT_TLS' });
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const error = await failure(exchange(await listening(silent), { ca }, 200));
    expect(error).to.include({ code: 'TLS_FAILED', tlsFailure: 'TIMEOUT' });
  });

  it('says that its own certificate can’t be used', async () => {
    const port = await listening(createTlsServer(certificate, echo));
    const key = authority.issue('hub').key;
    const error = await failure(exchange(port, { ca, cert: certificate.cert, key }));
    expect(error).to.include({ code: 'TLS_FAILED', tlsFailure: 'BAD_FILES' });
  });
});
