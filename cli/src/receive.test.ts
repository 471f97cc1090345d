import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MllpConnection, readAcknowledgement } from '@integration-hub/hl7';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';

const message = (id: string): Buffer =>
  Buffer.from(`MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|${id}|P|2.5\rPID|||1||Siân\r`);

describe('ihub receive', () => {
  let folder: string;
  const runs: IhubProcess[] = [];
  const connections: MllpConnection[] = [];

  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-receive-'))));

  afterEach(async () => {
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
    for (const run of runs.splice(0)) if (run.child.exitCode === null) run.child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  async function receive(
    ...args: string[]
  ): Promise<{ ihub: IhubProcess; connection: MllpConnection; port: number }> {
    const ihub = new IhubProcess(['receive', '--port', '0', ...args]);
    runs.push(ihub);
    const port = Number((await ihub.prints(/(?:127\.0\.0\.1:|"port":)(\d+)/))[1]);
    const connection = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5000 });
    connections.push(connection);
    return { ihub, connection, port };
  }

  it('acknowledges, tells of each message without patient data, and ends with a summary on SIGTERM', async () => {
    const { ihub, connection } = await receive();
    const answer = readAcknowledgement(await connection.exchange(message('P1'), 5000));
    expect(answer).to.deep.equal({ code: 'AA', controlId: 'P1' });
    ihub.child.kill('SIGTERM');
    expect(await ihub.ended()).to.equal(0);
    const lines = ihub.stdout.split('\n');
    expect(lines[1]).to.equal(`1  P1  ADT^A31^ADT_A05  ${message('P1').length} bytes`);
    expect(lines[2]).to.equal('1 messages on 1 connections');
    expect(ihub.stdout + ihub.stderr).not.to.contain('Siân');
  });

  it('stops by itself after the count, with the last message answered after its delay', async () => {
    const { ihub, connection } = await receive('--count', '2', '--delay', '50', '--reply', 'AR');
    for (const id of ['P1', 'P2']) {
      const began = performance.now();
      expect(readAcknowledgement(await connection.exchange(message(id), 5000)).code).to.equal('AR');
      expect(performance.now() - began).to.be.at.least(45);
    }
    expect(await ihub.ended()).to.equal(0);
    expect(ihub.stdout).to.contain('2 messages on 1 connections');
  });

  it('writes each message, as it came, to a file that cannot leave the folder, before it answers', async () => {
    const { connection } = await receive('--out', join(folder, 'new'));
    const ids = ['P1', '../../P 2', ''];
    for (const id of ids) {
      await connection.exchange(message(id), 5000);
      const names = await readdir(join(folder, 'new'));
      expect((await readFile(join(folder, 'new', names.at(-1)!))).equals(message(id))).to.equal(true);
    }
    expect(await readdir(folder)).to.deep.equal(['new']);
    expect(await readdir(join(folder, 'new'))).to.deep.equal([
      '000001-P1.hl7',
      '000002-.._.._P_2.hl7',
      '000003-no-control-id.hl7',
    ]);
  });

  it('leaves the files of an earlier run alone and counts on behind them', async () => {
    for (const names of [['000001-P1.hl7'], ['000001-P1.hl7', '000002-P1.hl7']]) {
      const { ihub, connection } = await receive('--out', folder, '--count', '1');
      await connection.exchange(message('P1'), 5000);
      expect(await ihub.ended()).to.equal(0);
      expect(await readdir(folder)).to.deep.equal(names);
    }
  });

  it('prints lines of JSON, problems too', async () => {
    const { ihub, connection, port } = await receive('--json', '--out', folder);
    await connection.exchange(message('P1'), 5000);
    const second = await MllpConnection.open({ host: '127.0.0.1', port, connectTimeoutMs: 5000 });
    await second.exchange(Buffer.from('secret'), 5000).catch(() => undefined);
    ihub.child.kill('SIGINT');
    expect(await ihub.ended()).to.equal(0);
    const [listening, first, junk, problem, summary] = ihub.events;
    expect(listening).to.include({ event: 'listening', host: '127.0.0.1', port });
    expect(first).to.include({
      event: 'message',
      number: 1,
      controlId: 'P1',
      trigger: 'ADT^A31^ADT_A05',
      bytes: message('P1').length,
      connection: 1,
      file: join(folder, '000001-P1.hl7'),
    });
    expect(Date.parse(first!['receivedAt'] as string)).to.be.closeTo(Date.now(), 60_000);
    expect(junk).to.include({ event: 'message', controlId: '', trigger: '', connection: 2 });
    expect(problem).to.include({ event: 'problem', connection: 2 });
    expect(summary).to.include({ event: 'summary', messages: 2, connections: 2 });
    expect(ihub.stdout).not.to.contain('secret');
  });

  it('says that the port is taken', async () => {
    const { port } = await receive();
    const other = new IhubProcess(['receive', '--port', String(port)]);
    expect(await other.ended()).to.equal(2);
    expect(other.stderr).to.match(
      /^ihub: Cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\): give another .*\n$/,
    );
  });
});
