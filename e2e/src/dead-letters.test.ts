import { expect } from 'chai';
import { deadLetterTopic, outboundTopic, readMark, receivedTopic } from '@integration-hub/api';
import { IhubProcess } from '@integration-hub/cli';
import { MllpConnection } from '@integration-hub/hl7';
import { flows, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { HubUnderTest, until } from './hub-under-test.js';

describe('ihub dead-letters', function () {
  this.timeout(900_000);
  let hub: HubUnderTest;
  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows() });
  });
  after(() => hub.stop());

  async function ihub(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
    const kafka = hub.broker.bootstrapServers[0]!;
    const process = new IhubProcess(['dead-letters', ...args, '--kafka', kafka]);
    const code = await process.ended();
    return { code, out: process.stdout, err: process.stderr };
  }
  const list = async (...args: string[]): Promise<Record<string, unknown>[]> =>
    (await ihub('list', '--json', ...args)).out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  function hospital(name: string, port: number, template: Buffer): Hospital {
    return new Hospital({ name, port: hub.port(port), journal: hub.journal, template });
  }

  /** Sends so many messages that the receiver refuses, and waits until they are set aside. */
  async function refused(name: string, count: number): Promise<void> {
    hub.receiver.options.reply = 'AR';
    await hospital(name, 2577, samples.paris).send(count);
    await until(
      'they are set aside',
      async () =>
        (await list('--owner', 'mpi')).filter(({ controlId }) => String(controlId).startsWith(`${name}-`))
          .length === count,
      30_000,
    );
    hub.receiver.options.reply = 'AA';
  }

  it('replays what a receiver refused, in order and once, and says who did it and why', async () => {
    await refused('again', 5);
    const dry = await ihub(
      'replay',
      '--owner',
      'mpi',
      '--code',
      'REFUSED_AR',
      '--why',
      'index mended',
      '--dry-run',
    );
    expect(dry.err).to.include('5 letters would be replayed');
    expect(await list('--owner', 'mpi')).to.have.length(5);

    // Two people at once: each letter is replayed by one of them.
    const replay = ['replay', '--owner', 'mpi', '--why', 'index mended', '--who', 'Nia'];
    await Promise.all([ihub(...replay), ihub(...replay)]);
    await ihub(...replay);
    expect(await list('--owner', 'mpi')).to.deep.equal([]);
    await until('they arrive', () => hub.journal.arrivals('again-5').length === 2, 30_000);
    for (let number = 1; number <= 5; number += 1) {
      expect(hub.journal.arrivals(`again-${number}`), `again-${number}`).to.have.length(2);
    }
    const outbound = (await hub.topic(outboundTopic('default', 'mpi'))).filter(
      ({ headers }) => headers['ce_replayof'],
    );
    expect(outbound.map(({ headers }) => headers['ce_controlid']!.toString())).to.deep.equal(
      [1, 2, 3, 4, 5].map((number) => `again-${number}`),
    );
    const [done] = await list('--owner', 'mpi', '--all');
    expect(done!['mark']).to.include({ action: 'replayed', who: 'Nia', why: 'index mended' });
  });

  it('drops a letter, and shows it still', async () => {
    await refused('test', 1);
    const [letter] = await list('--owner', 'mpi', '--control-id', 'test-1');
    const id = String(letter!['letter']);
    const shown = await ihub('show', id);
    expect(shown.out).to.include('REFUSED_AR').and.to.include('PID|||550123');
    expect((await ihub('drop', id, '--why', 'a test message')).err).to.include('1 letters were dropped');
    expect(await list('--control-id', 'test-1')).to.deep.equal([]);
    expect((await ihub('drop', id, '--why', 'twice')).err).to.include('0 letters were dropped');
    const marks = (await hub.topic(deadLetterTopic('default', 'mpi'))).map(({ headers }) =>
      readMark(headers),
    );
    expect(marks.filter((mark) => mark?.action === 'dropped')).to.have.length(1);
    expect((await ihub('show', id, '--raw')).out).to.match(/^MSH\|.*\|test-1\|/);
  });

  it('maps what a mapping could not, again; and it comes back when the mapping still can not', async () => {
    const bad = Buffer.from(
      samples.phw.toString('latin1').replace('2026-03-04 09:15:27', '2026-13-04 09:15:27'),
      'latin1',
    );
    await hospital('bad', 2575, bad).send(1);
    const letters = (): Promise<Record<string, unknown>[]> =>
      list('--owner', 'phw-to-mpi', '--code', 'BAD_DATE_TIME');
    await until('it is set aside', async () => (await letters()).length === 1, 30_000);
    const first = String((await letters())[0]!['letter']);
    const { out } = await ihub('replay', first, '--why', 'perhaps');
    expect(out).to.include(`${first} was replayed to ${receivedTopic('default', 'phw-to-mpi')}`);
    await until('it is set aside again', async () => (await letters()).length === 1, 30_000);
    expect(String((await letters())[0]!['letter'])).to.not.equal(first);
  });

  it('leaves what a listener refused, unless it is told to', async () => {
    const refusedByListener = numbered(
      Buffer.from(samples.phw.toString('latin1').replace('|252|252|', '|999|252|'), 'latin1'),
      'wrong-1',
    );
    const connection = await MllpConnection.open({
      host: '127.0.0.1',
      port: hub.port(2575),
      connectTimeoutMs: 5_000,
    });
    await connection.exchange(refusedByListener, 10_000).catch(() => undefined);
    const stage = ['--stage', 'phw-to-mpi-listener'];
    await until('it is kept', async () => (await list(...stage)).length === 1, 30_000);
    const left = await ihub('replay', ...stage, '--why', 'all is well');
    expect(left.code).to.equal(1);
    expect(left.err).to.include('--rejected');
    expect((await ihub('replay', ...stage, '--why', 'all is well', '--rejected')).code).to.equal(0);
    await until('it arrives', () => hub.journal.arrivals('wrong-1').length === 1, 30_000);
  });

  it('says what is wrong with what it is told', async () => {
    expect(await ihub('replay', '--why', 'x'))
      .to.include({ code: 2 })
      .and.property('err')
      .include('--everything');
    expect(await ihub('replay', 'phw-to-mpi', '--why', 'x')).to.include({ code: 2 }).and.property('err').include('OWNER/PARTITION/OFFSET'); // prettier-ignore
    expect(await ihub('list', '--since', 'soon'))
      .to.include({ code: 2 })
      .and.property('err')
      .include('--since');
    expect(await ihub('show', 'mpi/0/99999'))
      .to.include({ code: 1 })
      .and.property('err')
      .include('mpi/0/99999');
  });
});
