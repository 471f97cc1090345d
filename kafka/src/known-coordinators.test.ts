import { expect } from 'chai';
import { KnownCoordinators } from './known-coordinators.js';

describe('a transaction’s coordinators', () => {
  const transaction = { groupId: 'id', coordinatorType: 1 };
  const group = { groupId: 'group', coordinatorType: 0 };
  let asked: string[];
  let connected: boolean;
  let known: KnownCoordinators;
  const find = async (subject = transaction): Promise<void> => {
    await known.cluster.findGroupCoordinator(subject);
  };

  beforeEach(() => {
    asked = [];
    connected = true;
    known = new KnownCoordinators({
      retry: undefined,
      refreshMetadataIfNecessary: () => Promise.resolve(),
      findControllerBroker: () => Promise.resolve({}),
      findGroupCoordinator: ({ groupId }) => {
        asked.push(groupId);
        return Promise.resolve({ isConnected: () => connected });
      },
    });
  });

  it('are asked for once, each', async () => {
    for (let times = 0; times < 3; times += 1) {
      await known.step(async () => {
        await find();
        await find(group);
      });
    }
    expect(asked).to.deep.equal(['id', 'group']);
  });

  it('are asked for once by steps that go side by side', async () => {
    const both = (): Promise<unknown> =>
      Promise.all([
        known.step(async () => {
          await find();
          await find(group);
        }),
        known.step(() => find()),
      ]);
    await known.step(() => find());
    await both();
    await both();
    expect(asked).to.deep.equal(['id', 'group']);
  });

  it('are asked for again when the connection is gone', async () => {
    await known.step(() => find());
    connected = false;
    await known.step(() => find());
    expect(asked).to.deep.equal(['id', 'id']);
  });

  it('are asked for again after a failure, but not when the former transaction is being ended', async () => {
    const fail = (type: string): Promise<void> =>
      known
        .step(async () => {
          await find();
          throw Object.assign(new Error(type), { type });
        })
        .catch(() => undefined);
    await fail('CONCURRENT_TRANSACTIONS');
    await known.step(() => find());
    expect(asked).to.deep.equal(['id']);
    await fail('NOT_COORDINATOR_FOR_GROUP');
    await known.step(() => find());
    expect(asked).to.deep.equal(['id', 'id']);
  });

  it('are asked for again by a step that was refused', async () => {
    await known.step(() => find(group));
    await known.step(async () => {
      await find(group);
      await find(group);
    });
    expect(asked).to.deep.equal(['group', 'group']);
  });
});
