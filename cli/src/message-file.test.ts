import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeFrame } from '@integration-hub/hl7';
import { expect } from 'chai';
import { readMessages } from './message-file.js';

const message = (id: string, end: string): string =>
  [`MSH|^~\\&|252||||||ADT^A31|${id}|P|2.5`, 'EVN||2026', ''].join(end);

describe('readMessages', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-messages-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function read(
    content: string | Buffer,
  ): Promise<[id: string, number: number, place: string, text: string][]> {
    await writeFile(join(folder, 'x.hl7'), content);
    const messages = await readMessages(join(folder, 'x.hl7'));
    return messages.map(({ controlId, number, place, bytes }) => [
      controlId,
      number,
      place.slice(folder.length + 1),
      bytes.toString(),
    ]);
  }

  it('tells the messages of a file apart, and where they are', async () => {
    expect(await read(message('P1', '\n') + '\n' + message('P2', '\r\n'))).to.deep.equal([
      ['P1', 1, 'x.hl7, message 1', message('P1', '\r')],
      ['P2', 2, 'x.hl7, message 2', message('P2', '\r')],
    ]);
    expect(await read(message('P1', '\r'))).to.deep.equal([['P1', 1, 'x.hl7', message('P1', '\r')]]);
  });

  it('leaves the bytes of MLLP frames as they are', async () => {
    const [one] = await read(encodeFrame(Buffer.from(message('P1', '\n'))));
    expect(one).to.deep.equal(['P1', 1, 'x.hl7', message('P1', '\n')]);
  });

  it('takes the messages out of a batch', async () => {
    const batch = `FHS|^~\\&|a\nBHS|^~\\&|a\n${message('P1', '\n')}${message('P2', '\n')}BTS|2\nFTS|1\n`;
    const texts = (await read(batch)).map(([, , , text]) => text);
    expect(texts).to.deep.equal([message('P1', '\r'), message('P2', '\r')]);
  });
});
