import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  deadLetterHeaders,
  markHeaders,
  type DeadLetterAction,
  type RecordHeaders,
} from '@integration-hub/api';
import { EmbeddedBroker, ExclusiveWriter, TopicAdmin, type OutgoingRecord } from '@integration-hub/kafka';
import { expect } from 'chai';
import { OpenDeadLetters } from './open-dead-letters.js';

describe('OpenDeadLetters', function () {
  this.timeout(600_000);
  const topic = 'ihub.test.mpi.dead-letter';
  let directory: string;
  let broker: EmbeddedBroker;
  let admin: TopicAdmin;
  let writer: ExclusiveWriter;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-letters-'));
    broker = await EmbeddedBroker.start({
      dataDirectory: join(directory, 'data'),
      logFile: join(directory, 'kafka.log'),
    });
    const connection = { bootstrapServers: broker.bootstrapServers, clientId: 'test' };
    admin = await TopicAdmin.connect({ connection });
    await admin.ensureTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }]);
    writer = await ExclusiveWriter.open({ connection, claim: topic });
  });
  after(async () => {
    await writer.close();
    await admin.close();
    await broker.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const record = (headers: RecordHeaders): OutgoingRecord => ({
    topic,
    partition: 0,
    key: null,
    value: Buffer.from('MSH|'),
    headers,
  });
  function letter(): OutgoingRecord {
    const description = {
      correlationId: 'c',
      namespace: 'test',
      flow: 'phw-to-mpi',
      receivedTime: '2026-11-21T10:00:00.000Z',
      controlId: '1',
      contentType: 'x-application/hl7-v2+er7; charset=utf-8',
      traceparent: '',
      healthBoard: '',
      peer: '',
    };
    const reason = {
      code: 'X',
      reason: 'a test',
      stage: 'mpi-sender',
      attempts: 1,
      origin: '',
      truncated: false,
    };
    return record(deadLetterHeaders(description, { ...reason, failedTime: description.receivedTime }));
  }
  function mark(offset: number, action: DeadLetterAction): OutgoingRecord {
    const time = '2026-11-21T11:00:00.000Z';
    const about = {
      who: 'Nia',
      why: 'a test',
      time,
      target: '',
      correlationId: '',
      receivedTime: '',
      stage: '',
      corrected: [],
    };
    return record(markHeaders({ action, letter: `0/${offset}`, ...about }));
  }

  it('counts those with which nobody has done anything, as they come and go, and anew', async () => {
    const counted = new OpenDeadLetters(topic);
    const counts = async (): Promise<number[]> => {
      const anew = new OpenDeadLetters(topic);
      // Transactions end a moment after their writers have been told so.
      for (let times = 0; times < 2; times += 1) for (const one of [counted, anew]) await one.update(admin);
      return [counted.count, anew.count];
    };
    const settled = async (count: number): Promise<void> => {
      const deadline = performance.now() + 60_000;
      let found: number[];
      do found = await counts();
      while (found.some((one) => one !== count) && performance.now() < deadline);
      expect(found).to.deep.equal([count, count]);
    };
    await settled(0);
    await writer.write([letter(), letter(), letter()]);
    await settled(3);
    await writer.write([mark(0, 'dropped')]);
    await settled(2);
    await writer.write([mark(1, 'replayed'), letter()]);
    await settled(2);
    await writer.write([mark(2, 'replayed')]);
    await settled(1);
  });

  it('is not misled by what is no letter and no mark', async () => {
    const before = new OpenDeadLetters(topic);
    await before.update(admin);
    await writer.write([
      record({ ce_type: 'another' }),
      { ...mark(0, 'dropped'), headers: { ...mark(0, 'dropped').headers, ce_subject: 'nowhere' } },
    ]);
    const after = new OpenDeadLetters(topic);
    await after.update(admin);
    expect(after.count).to.equal(before.count);
  });
});
