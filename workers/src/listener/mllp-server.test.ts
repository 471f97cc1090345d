import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { ListenerConfiguration } from '@integration-hub/api';
import winston from 'winston';
import { TestAuthority, type TestCertificate } from '../../../hl7/dist/mllp/test-authority.js';
import { Metrics } from '../metrics.js';
import { TlsFilesError } from '../tls-files.js';
import { createMllpServer } from './mllp-server.js';

type Tls = NonNullable<ListenerConfiguration['listen']['tls']>;

describe('createMllpServer with TLS', function () {
  this.timeout(120_000);
  const authority = new TestAuthority();
  const other = new TestAuthority('another authority');
  const own = authority.issue('hub');
  const client = authority.issue('pas', { names: 'DNS:pas.hospital.example' });
  let folder: string;
  let server: Server;
  let metrics: Metrics;
  let lines: { level: string; message: string; reason?: string; subject?: string; peer?: string }[];
  let admitted: Socket[];
  let refusals: string[];
  const clients: Socket[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ihub-tls-'));
    [lines, admitted, refusals, metrics] = [[], [], [], new Metrics()];
    write(own, authority.ca);
  });
  afterEach(async () => {
    for (const socket of [...clients.splice(0), ...admitted]) socket.destroy();
    if (server.listening) {
      server.close();
      await once(server, 'close');
    }
    rmSync(folder, { recursive: true });
  });

  /** Replaces each file as a whole, as the kubelet does. */
  function write({ cert, key }: TestCertificate, ca: string): void {
    for (const [name, text] of Object.entries({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca })) {
      writeFileSync(join(folder, 'new'), text);
      renameSync(join(folder, 'new'), join(folder, name));
    }
  }
  async function start(wishes: Partial<Tls> = {}, maxConnections = 10): Promise<number> {
    const tls: Tls = {
      certificateFile: join(folder, 'tls.crt'),
      keyFile: join(folder, 'tls.key'),
      caFile: join(folder, 'ca.crt'),
      clientAuth: 'Require',
      allowedNames: null,
      minVersion: 'TLSv1.2',
      handshakeTimeoutMs: 5_000,
      ...wishes,
    };
    const stream = new Writable({
      objectMode: true,
      write: (line: (typeof lines)[number], _, done) => {
        lines.push(line);
        done();
      },
    });
    const transport = new winston.transports.Stream({ stream });
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
    const log = winston.createLogger({ level: 'debug', transports: [transport] });
    server = createMllpServer(
      { host: '127.0.0.1', port: 0, maxConnections, frameTimeoutMs: 1_000, tls },
      {
        flow: 'test',
        log,
        metrics,
        security: { refused: (type, { code }) => refusals.push(`${type} ${code}`) },
        admit: (socket) => {
          admitted.push(socket);
          socket.on('data', (chunk: Buffer) => socket.write(chunk));
          socket.on('end', () => setTimeout(() => socket.end('behind the end'), 20));
          socket.on('error', () => undefined);
        },
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }
  function dial(port: number, options: ConnectionOptions = client): TLSSocket {
    const socket = connect({ port, host: '127.0.0.1', ca: authority.ca, ...options });
    clients.push(socket);
    socket.on('error', () => undefined);
    return socket;
  }
  /** What is echoed; undefined where the connection ends instead. */
  function echo(socket: TLSSocket): Promise<string | undefined> {
    return new Promise((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString()));
      socket.once('close', () => resolve(undefined));
      socket.write('hello');
    });
  }
  async function failures(): Promise<Record<string, number>> {
    const { values } = await metrics.tlsFailures.get();
    return Object.fromEntries(
      values.map(({ labels, value }): [string, number] => [String(labels.reason), value]),
    );
  }
  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error('it did not become so');
      await sleep(20);
    }
  }
  async function refuses(reason: string): Promise<void> {
    await until(async () => (await failures())[reason] === 1);
    expect(refusals).to.deep.equal([`TLS_FAILED ${reason}`]);
    expect(admitted).to.have.length(0);
  }

  it('admits a client with a certificate of its authority, with TLS 1.3 where it may', async () => {
    const port = await start();
    const socket = dial(port);
    expect(await echo(socket)).to.equal('hello');
    expect(socket.getProtocol()).to.equal('TLSv1.3');
    const old = dial(port, { ...client, maxVersion: 'TLSv1.2' });
    expect(await echo(old)).to.equal('hello');
    expect(await failures()).to.deep.equal({});
    const [expiry] = (await metrics.tlsExpiry.get()).values;
    expect(expiry!.value * 1000 - Date.now()).to.be.within(40 * 3_600_000, 49 * 3_600_000);
  });

  it('answers a client that has ended its side', async () => {
    const socket = dial(await start(), { ...client, allowHalfOpen: true } as ConnectionOptions);
    await once(socket, 'secureConnect');
    socket.end();
    expect(String((await once(socket, 'data'))[0])).to.equal('behind the end');
  });

  const wrong: [name: string, reason: string, options: () => ConnectionOptions][] = [
    ['no certificate', 'NO_CERTIFICATE', () => ({})],
    ['an expired certificate', 'EXPIRED', () => authority.issue('pas', { expired: true })],
    ['a certificate of another authority', 'UNKNOWN_AUTHORITY', () => other.issue('pas')],
    ['a server’s certificate', 'WRONG_PURPOSE', () => authority.issue('pas', { usage: 'serverAuth' })],
    [
      'TLS 1.1',
      'VERSION',
      () => ({ ...client, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
    ],
  ];
  for (const [name, reason, options] of wrong) {
    for (const maxVersion of name === 'TLS 1.1' ? [undefined] : (['TLSv1.3', 'TLSv1.2'] as const)) {
      it(`refuses ${name}${maxVersion ? `, with ${maxVersion}` : ''}, counts it and says whose it is`, async () => {
        const socket = dial(await start(), { ...(maxVersion && { maxVersion }), ...options() });
        expect(await echo(socket)).to.equal(undefined);
        await refuses(reason);
        const [line] = lines.filter((one) => one.level === 'warn');
        expect(line).to.include({ reason, peer: '127.0.0.1' });
        const shown = !['NO_CERTIFICATE', 'VERSION'].includes(reason);
        expect(line!.subject).to.equal(shown ? 'CN=pas' : undefined);
      });
    }
  }

  it('asks for TLS 1.3 where that is the least', async () => {
    const port = await start({ minVersion: 'TLSv1.3' });
    expect(await echo(dial(port, { ...client, maxVersion: 'TLSv1.2' }))).to.equal(undefined);
    await refuses('VERSION');
    expect(await echo(dial(port))).to.equal('hello');
  });

  it('admits only the names that are allowed, by DNS name or common name, whole', async () => {
    const port = await start({ allowedNames: ['pas.hospital.example', 'Theatre system'] });
    expect(await echo(dial(port))).to.equal('hello');
    expect(await echo(dial(port, authority.issue('Theatre system')))).to.equal('hello');
    for (const name of ['evil.pas.hospital.example', 'Theatre system 2', '*']) {
      const { length } = admitted;
      const certificate = authority.issue(name, {
        names: 'DNS:*.hospital.example,URI:urn:pas.hospital.example',
      });
      expect(await echo(dial(port, certificate)), name).to.equal(undefined);
      expect(admitted).to.have.length(length);
    }
    await until(async () => (await failures())['WRONG_NAME'] === 3);
  });

  it('where a certificate is only requested, admits none and a right one, not a wrong one', async () => {
    const port = await start({ clientAuth: 'Request' });
    expect(await echo(dial(port, {}))).to.equal('hello');
    expect(await echo(dial(port))).to.equal('hello');
    expect(await echo(dial(port, other.issue('pas')))).to.equal(undefined);
    expect(await failures()).to.deep.equal({ UNKNOWN_AUTHORITY: 1 });
  });

  it('asks nobody where none is asked', async () => {
    const port = await start({ clientAuth: 'None', caFile: null });
    expect(await echo(dial(port, {}))).to.equal('hello');
  });

  it('refuses a client that speaks no TLS', async () => {
    const socket = connectTcp(await start(), '127.0.0.1');
    clients.push(socket.on('error', () => undefined));
    socket.write('\x0bMSH|^~\\&|\x1c\r');
    await once(socket.resume(), 'close');
    await refuses('NOT_TLS');
  });

  it('waits for a handshake only so long, and calls a probe that connects and leaves no failure to warn of', async () => {
    const port = await start({ handshakeTimeoutMs: 300 });
    const silent = connectTcp(port, '127.0.0.1');
    await once(silent.resume(), 'close');
    await refuses('TIMEOUT');
    const probe = connectTcp(port, '127.0.0.1');
    await once(probe, 'connect');
    probe.end();
    await until(async () => (await failures())['CLOSED'] === 1);
    expect(lines.filter(({ level }) => level === 'warn')).to.have.length(1);
  });

  it('does not let clients without a handshake take the places of others, and keeps to its number', async () => {
    const port = await start({}, 1);
    for (let i = 0; i < 5; i += 1) clients.push(connectTcp(port, '127.0.0.1').on('error', () => undefined));
    const first = dial(port);
    expect(await echo(first)).to.equal('hello');
    expect(await echo(dial(port))).to.equal(undefined);
    expect(lines.map(({ message }) => message)).to.include('connection refused: too many connections');
    first.destroy();
    await until(async () => (await echo(dial(port))) === 'hello');
  });

  it('logs a peer’s failure once a minute, and counts each', async () => {
    const port = await start();
    for (let i = 0; i < 5; i += 1) await echo(dial(port, {}));
    await until(async () => (await failures())['NO_CERTIFICATE'] === 5);
    expect(lines.filter(({ level }) => level === 'warn')).to.have.length(1);
  });

  it('uses changed files for new connections, keeps those that are open, and resumes no session', async () => {
    const port = await start();
    const open = dial(port);
    const sessions: Buffer[] = [];
    open.on('session', (session) => sessions.push(session));
    expect(await echo(open)).to.equal('hello');
    const next = other.issue('hub');
    write(next, other.ca);
    await until(() => lines.some(({ message }) => message.startsWith('certificate files have changed')));
    const newClient = { ...other.issue('pas'), ca: other.ca };
    expect(await echo(dial(port, newClient))).to.equal('hello');
    expect(await echo(open)).to.equal('hello');
    const again = dial(port, { ...newClient, session: sessions[0]! });
    expect(await echo(again)).to.equal('hello');
    expect(again.isSessionReused()).to.equal(false);
    // The former authority is no longer trusted.
    expect(await echo(dial(port, { ...client, ca: other.ca }))).to.equal(undefined);
    expect(await failures()).to.deep.equal({ UNKNOWN_AUTHORITY: 1 });
  });

  it('keeps the former certificate while the files can’t be used, and says so once', async () => {
    const port = await start();
    write({ cert: own.cert, key: other.issue('x').key }, authority.ca);
    await until(() =>
      lines.some(({ message }) => /the former stay in use: .*tls\.key is not the key/.test(message)),
    );
    expect(await echo(dial(port))).to.equal('hello');
    await sleep(4_500);
    expect(lines.filter(({ level }) => level === 'error')).to.have.length(1);
    write(own, authority.ca);
    await until(() => lines.some(({ message }) => message.startsWith('certificate files have changed')));
  });

  const unusable: [name: string, file: string, text: string | null, sentence: RegExp][] = [
    ['no key', 'tls.key', null, /tls\.key can't be read \(ENOENT\)/],
    ['a key that is none', 'tls.key', 'x', /tls\.key holds no key that can be used/],
    ['no certificate in the file', 'tls.crt', '', /tls\.crt holds no certificate/],
    ['a broken authority', 'ca.crt', 'x', /ca\.crt holds no certificate/],
  ];
  for (const [name, file, text, sentence] of unusable) {
    it(`does not start with ${name}`, async () => {
      if (text === null) rmSync(join(folder, file));
      else writeFileSync(join(folder, file), text);
      let failure: unknown;
      await start().catch((error: unknown) => (failure = error));
      expect(failure).to.be.instanceOf(TlsFilesError);
      expect((failure as Error).message).to.match(sentence);
    });
  }
});
