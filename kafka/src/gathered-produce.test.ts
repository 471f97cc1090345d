import { expect } from 'chai';
import { gatheredCalls, gatheredProduce, type ProduceAnswer, type ProduceOrder } from './gathered-produce.js';

describe('requests to a broker', () => {
  const broker = {};
  const order = (topic: string, partition: number, producerId = '7'): ProduceOrder => ({
    topicData: [
      { topic, partitions: [{ partition, firstSequence: 3, messages: [`${topic}/${partition}`] }] },
    ],
    producerId,
    producerEpoch: 0,
    acks: -1,
    timeout: 1_000,
  });
  const named = ({ topicData }: ProduceOrder): string[] =>
    topicData.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => `${topic}/${partition}`));
  /** Answers each partition, with an error code where there is one for it. */
  const answerTo = ({ topicData }: ProduceOrder, codes: Record<string, number> = {}): ProduceAnswer => ({
    topics: topicData.map(({ topic, partitions }) => ({
      topicName: topic,
      partitions: partitions.map(({ partition }) => ({
        partition,
        errorCode: codes[`${topic}/${partition}`] ?? 0,
      })),
    })),
  });
  const errorOf = (code: number): Error => new Error(`code ${code}`);

  it('are one for all partitions that are handed over together', async () => {
    const sent: string[][] = [];
    const produce = gatheredProduce((_, one) => {
      sent.push(named(one));
      return Promise.resolve(answerTo(one));
    }, errorOf);
    const answers = await Promise.all(
      [order('a', 0), order('b', 0), order('a', 4)].map(async (one) => {
        await Promise.resolve(); // As kafkajs does on its way.
        return produce(broker, one);
      }),
    );
    expect(sent).to.deep.equal([['a/0', 'a/4', 'b/0']]);
    expect(answers.map((answer) => answer.topics)).to.deep.equal([
      [{ topicName: 'a', partitions: [{ partition: 0, errorCode: 0 }] }],
      [{ topicName: 'b', partitions: [{ partition: 0, errorCode: 0 }] }],
      [{ topicName: 'a', partitions: [{ partition: 4, errorCode: 0 }] }],
    ]);
  });

  it('are several for several brokers, several producers, and what is for one partition', async () => {
    const sent: string[][] = [];
    const produce = gatheredProduce((_, one) => {
      sent.push(named(one));
      return Promise.resolve(answerTo(one));
    }, errorOf);
    await Promise.all([
      produce(broker, order('a', 0)),
      produce(broker, order('a', 0)),
      produce(broker, order('a', 1, '8')),
      produce({}, order('a', 2)),
    ]);
    expect(sent).to.deep.equal([['a/0'], ['a/0'], ['a/1'], ['a/2']]);
  });

  it('fail for the partitions that the broker refuses or says nothing of, and for no others', async () => {
    const produce = gatheredProduce((_, one) => {
      const { topics } = answerTo(one, { 'a/1': 10 });
      return Promise.resolve({ topics: topics.filter(({ topicName }) => topicName !== 'c') });
    }, errorOf);
    const orders = [order('a', 0), order('a', 1), order('b', 1), order('c', 0)];
    const results = await Promise.allSettled(orders.map((one) => produce(broker, one)));
    expect(
      results.map((result) => (result.status === 'fulfilled' ? 'stored' : String(result.reason))),
    ).to.deep.equal(['stored', 'Error: code 10', 'stored', 'Error: code -1']);
  });

  it('fail for all that they hold when they are not answered', async () => {
    const produce = gatheredProduce(() => Promise.reject(new Error('closed')), errorOf);
    const results = await Promise.allSettled(
      [order('a', 0), order('a', 1)].map((one) => produce(broker, one)),
    );
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
  });

  it('that register partitions are gathered, too, and their error is everybody’s', async () => {
    const calls: number[][] = [];
    const gathered = gatheredCalls((all: number[]) => {
      calls.push(all);
      return all.includes(9) ? Promise.reject(new Error('refused')) : Promise.resolve();
    });
    await Promise.all([gathered(1), gathered(2)]);
    const results = await Promise.allSettled([gathered(3), gathered(9)]);
    expect(calls).to.deep.equal([
      [1, 2],
      [3, 9],
    ]);
    expect(results.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
  });
});
