import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { encodeFrame, FrameDecoder } from '@integration-hub/hl7';
import { expect } from 'chai';
import { readNumbered, Template } from './numbered-message.js';
import { Program } from './program.js';
import type { Arrivals } from './receiver.js';
import { requireAll } from './verdict.js';

describe('The check before a figure', () => {
  const template = new Template(
    readFileSync(new URL('../../messages/phw-ten-segments.hl7', import.meta.url)),
  );
  const sources = ['r.0', 'r.1'];
  const sent = new Map(sources.map((source) => [source, 3]));
  const sumOf = (source: string): number => readNumbered(template.message(source, 1)).sum;
  const right = sources.flatMap((source) => [1, 2, 3].map((number) => template.message(source, number)));
  let receiver: Program;
  let socket: Socket;

  before(async () => {
    receiver = await Program.start('receiver.js');
    socket = connect(await receiver.ask<number>({ port: true }), '127.0.0.1');
    await once(socket, 'connect');
  });

  after(async () => {
    socket.destroy();
    await receiver.stop();
  });

  /** Delivers messages, and has them judged. */
  async function judge(messages: readonly Buffer[]): Promise<void> {
    let replies = 0;
    const all = Promise.withResolvers<undefined>();
    const decoder = new FrameDecoder({ maxContentBytes: 1_000 });
    const sink = {
      frame: () => (replies += 1) === messages.length && all.resolve(undefined),
      violation: ({ message }: { message: string }) => all.reject(new Error(message)),
    };
    const read = (chunk: Buffer): void => decoder.push(chunk, sink);
    socket.on('data', read);
    for (const message of messages) socket.write(encodeFrame(message));
    await all.promise;
    socket.off('data', read);
    requireAll(sent, await receiver.ask<Map<string, Arrivals>>({ take: 'r' }), sumOf);
  }

  async function faultOf(messages: readonly Buffer[]): Promise<string> {
    return judge(messages).then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    );
  }

  it('passes what came once, in the order of its source, and right', async () => {
    expect(await faultOf(right)).to.equal('none');
    const mixed = [0, 3, 1, 2, 4, 5].map((at) => right[at]!);
    expect(await faultOf(mixed)).to.equal('none');
  });

  it('fails where a message is missing, in the middle, at the end, or all of a source', async () => {
    expect(await faultOf(right.toSpliced(1, 1))).to.equal('of 6 messages 1 are lost');
    expect(await faultOf(right.slice(0, -1))).to.equal('of 6 messages 1 are lost');
    expect(await faultOf(right.slice(3))).to.equal('of 6 messages 3 are lost');
  });

  it('fails where a message came twice', async () => {
    expect(await faultOf([...right, right[5]!])).to.equal('of 6 messages 1 are doubled');
    expect(await faultOf(right.toSpliced(1, 0, right[0]!))).to.equal('of 6 messages 1 are doubled');
  });

  it('fails where a message came behind a later one of its source', async () => {
    const swapped = [1, 0, 2, 3, 4, 5].map((at) => right[at]!);
    expect(await faultOf(swapped)).to.equal('of 6 messages 1 are out of order');
  });

  it('fails where a byte is another, or there is one more', async () => {
    const changed = Buffer.from(right[2]!);
    changed[changed.length - 10] = changed[changed.length - 10]! ^ 1;
    expect(await faultOf(right.with(2, changed))).to.equal('of 6 messages 1 are altered');
    const longer = Buffer.concat([right[2]!, Buffer.from('ZZZ|1\r')]);
    expect(await faultOf(right.with(2, longer))).to.equal('of 6 messages 1 are altered');
  });

  it('fails where a message has the patient of another', async () => {
    const text = right[0]!.toString('latin1');
    const pid = text.indexOf('\rPID|');
    const others = text.slice(0, pid) + text.slice(pid).replace('r.0', 'r.1');
    expect(await faultOf(right.with(0, Buffer.from(others, 'latin1')))).to.equal(
      'of 6 messages 1 are altered',
    );
  });

  it('fails where something came that nobody sent', async () => {
    expect(await faultOf([...right, template.message('r.0', 4)])).to.equal('of 6 messages 1 are never sent');
    expect(await faultOf([...right, template.message('r.9', 1)])).to.equal('of 6 messages 1 are never sent');
  });
});
