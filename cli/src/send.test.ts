import { createServer, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame } from '@integration-hub/hl7';
import { expect } from 'chai';
import { IhubProcess } from './ihub-process.js';
import { MockReceiver, type MockReply, type ReceivedMessage } from './mock-receiver.js';

function segments(id: string): string[] {
  return [
    `MSH|^~\\&|252|252|100|100|20260304||ADT^A31^ADT_A05|${id}|P|2.5`,
    'EVN||20260304',
    'PID|||1||Siân',
  ];
}
const text = (id: string, end = '\r'): string => segments(id).join(end) + end;

describe('ihub send', () => {
  let folder: string;
  let receiver: MockReceiver;
  let port: number;
  let received: ReceivedMessage[];
  let server: Server | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ihub-send-'));
    received = [];
    const options = { host: '127.0.0.1', port: 0, reply: 'AA' as MockReply, delayMs: 0 };
    receiver = new MockReceiver(options, { message: (one) => void received.push(one) });
    port = await receiver.start();
  });

  afterEach(async () => {
    await receiver.kill();
    server?.close();
    server = undefined;
    await rm(folder, { recursive: true });
  });

  async function file(name: string, content: string | Buffer): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  }

  async function send(args: string[], to = port): Promise<{ ihub: IhubProcess; code: number | string }> {
    const ihub = new IhubProcess(['send', '--port', String(to), ...args]);
    return { ihub, code: await ihub.ended() };
  }

  const arrived = (): string[] => received.map(({ bytes }) => bytes.toString());

  it('sends messages whose lines end with CR, LF or CRLF alike, in order, and sums up', async () => {
    const files = [
      await file('cr.hl7', text('P1')),
      await file('lf.hl7', text('P2', '\n')),
      await file('crlf.hl7', text('P3', '\r\n')),
      await file('no-end.hl7', segments('P4').join('\n')),
    ];
    const { ihub, code } = await send(files);
    expect(code).to.equal(0);
    expect(arrived()).to.deep.equal(['P1', 'P2', 'P3', 'P4'].map((id) => text(id)));
    expect(ihub.stdout).to.match(/^4 of 4 messages to 127\.0\.0\.1:\d+ in .* s, \d+\/s: 4 AA\n/);
    expect(ihub.stdout).to.match(/answered after p50 .* ms, p95 .* ms, p99 .* ms, at most .* ms\n$/);
    expect(ihub.stderr).to.equal('');
  });

  it('keeps the bytes of a message in ISO 8859-1', async () => {
    const latin1 = Buffer.from(segments('P1').join('\n') + '\n', 'latin1');
    await send([await file('latin1.hl7', latin1)]);
    expect(received[0]!.bytes.toString('latin1')).to.equal(segments('P1').join('\r') + '\r');
  });

  it('takes several messages from one file', async () => {
    const { code } = await send([await file('two.hl7', `\n${text('P1', '\n')}\n${text('P2', '\n')}`)]);
    expect(code).to.equal(0);
    expect(arrived()).to.deep.equal([text('P1'), text('P2')]);
  });

  it('takes the frames of an MLLP file as they are', async () => {
    const odd = Buffer.from(segments('P2').join('\r\n'));
    const content = Buffer.concat([encodeFrame(Buffer.from(text('P1'))), encodeFrame(odd)]);
    expect((await send([await file('stream.mllp', content)])).code).to.equal(0);
    expect(arrived()).to.deep.equal([text('P1'), odd.toString()]);
  });

  const wrong: Record<string, [string | Buffer, string]> = {
    'an MLLP file with an unfinished frame': [
      encodeFrame(Buffer.from(text('P1'))).subarray(0, 40),
      'framing breaks',
    ],
    'an empty file': ['\n', 'is empty'],
    'a file that starts with another segment': ['PID|||1\r', 'must begin with MSH'],
    'a message that MLLP can not carry': ['MSH|^~\\&|\x1c\r', 'can not be sent'],
  };
  for (const [name, [content, reason]] of Object.entries(wrong)) {
    it(`sends nothing at all when there is ${name}`, async () => {
      const { ihub, code } = await send([await file('good.hl7', text('P1')), await file('bad.hl7', content)]);
      expect(code).to.equal(2);
      expect(ihub.stderr)
        .to.match(/^ihub: .*bad\.hl7.*\n$/)
        .and.contain(reason);
      expect(received).to.deep.equal([]);
    });
  }

  it('goes round the files up to the count, with control ids of their own when told so', async () => {
    const files = [await file('1.hl7', text('P1')), await file('2.hl7', text('P2'))];
    expect((await send(['--count', '3', ...files])).code).to.equal(0);
    expect(arrived()).to.deep.equal(['P1', 'P2', 'P1'].map((id) => text(id)));
    received.length = 0;
    expect((await send(['--count', '3', '--number', ...files])).code).to.equal(0);
    expect(arrived()).to.deep.equal(['P1-1', 'P2-2', 'P1-3'].map((id) => text(id)));
  });

  it('prints a line of JSON for each message and for the summary', async () => {
    const { ihub } = await send(['--json', '--count', '2', await file('1.hl7', text('P1'))]);
    const [first, second, summary] = ihub.events;
    expect(first).to.include({ event: 'message', controlId: 'P1', code: 'AA', text: '' });
    expect(first!['latencyMs']).to.be.within(0, 5000);
    expect(second).to.include({ event: 'message' });
    expect(summary).to.deep.include({ event: 'summary', messages: 2, codes: { AA: 2 }, unsent: 0 });
    const latency = summary!['latencyMs'] as Record<string, number>;
    expect(Object.keys(latency)).to.deep.equal(['p50', 'p95', 'p99', 'max']);
    expect(latency['max']).to.be.at.least(latency['p50']!);
  });

  it('prints a line for each message when verbose, and no patient data', async () => {
    const { ihub } = await send(['--verbose', await file('1.hl7', text('P1'))]);
    expect(ihub.stdout).to.match(/^AA +[\d.]+ ms {2}P1\n/);
    expect(ihub.stdout).not.to.contain('Siân');
  });

  const failures: Record<string, { reply: MockReply; code: string; says: string; answered: boolean }> = {
    'are refused with AE': { reply: 'AE', code: 'AE', says: 'mock that answers AE', answered: true },
    'are refused with AR': { reply: 'AR', code: 'AR', says: 'mock that answers AR', answered: true },
    'are not answered': { reply: 'none', code: 'none', says: 'did not reply within 100 ms', answered: false },
    'are answered by a close': {
      reply: 'close',
      code: 'closed',
      says: 'closed the connection',
      answered: false,
    },
  };
  for (const [name, { reply, code: outcome, says, answered }] of Object.entries(failures)) {
    it(`fails when messages ${name}, and goes on with the next`, async () => {
      receiver.options.reply = reply;
      const path = await file('1.hl7', text('P1'));
      const { ihub, code } = await send(['--json', '--count', '2', '--timeout', '100ms', path]);
      expect(code).to.equal(1);
      expect(received).to.have.length(2);
      expect(ihub.events[0]).to.include({ controlId: 'P1', code: outcome });
      expect(ihub.events[0]!['text']).to.contain(says);
      expect(ihub.events[2]).to.deep.include({ messages: 2, codes: { [outcome]: 2 } });
      expect(ihub.events[2]!['latencyMs'] === null).to.equal(!answered);
    });
  }

  it('does not count the acknowledgement of another message', async () => {
    const ack = 'MSH|^~\\&|100|100|252|252|20260304||ACK|1|P|2.5\rMSA|AA|other\r';
    server = createServer((socket) => socket.once('data', () => socket.end(encodeFrame(Buffer.from(ack)))));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const to = (server.address() as AddressInfo).port;
    const { ihub, code } = await send(['--json', await file('1.hl7', text('P1'))], to);
    expect(code).to.equal(1);
    expect(ihub.events[0]).to.include({ code: 'bad' });
    expect(ihub.events[0]!['text']).to.contain('for another message');
  });

  it('says in one sentence that nobody listens, and what was not sent', async () => {
    await receiver.kill();
    const { ihub, code } = await send([await file('1.hl7', text('P1'))]);
    expect(code).to.equal(1);
    expect(ihub.stderr).to.match(/^ihub: Cannot connect to 127\.0\.0\.1:\d+ \(ECONNREFUSED\).*\n$/);
    expect(ihub.stdout).to.contain('1 not sent');
  });

  it('sends the next message of a connection only after the answer to its last', async () => {
    receiver.options.delayMs = 40;
    const path = await file('1.hl7', text('P1'));
    expect((await send(['--connections', '2', '--count', '6', path])).code).to.equal(0);
    for (const connection of [1, 2]) {
      const times = received
        .filter((one) => one.connection === connection)
        .map((one) => one.receivedAt.getTime());
      expect(times).to.have.length(3);
      expect(times[1]! - times[0]!).to.be.at.least(35);
      expect(times[2]! - times[1]!).to.be.at.least(35);
    }
  });

  it('keeps to the rate over all connections', async () => {
    const path = await file('1.hl7', text('P1'));
    expect((await send(['--connections', '3', '--rate', '50/s', '--count', '11', path])).code).to.equal(0);
    const times = received.map((one) => one.receivedAt.getTime());
    // The first may be received late on a busy machine.
    expect(times.at(-1)! - times[0]!).to.be.at.least(120);
  });

  it('ends with a summary when it is interrupted', async () => {
    receiver.options.reply = 'none';
    const ihub = new IhubProcess(['send', '--port', String(port), await file('1.hl7', text('P1'))]);
    while (received.length === 0) await new Promise((done) => setTimeout(done, 5));
    ihub.child.kill('SIGINT');
    expect(await ihub.ended()).to.equal(1);
    expect(ihub.stdout).to.contain('1 of 1 messages').and.contain('1 closed');
  });
});
