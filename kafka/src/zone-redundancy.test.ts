import { expect } from 'chai';
import {
  decideZoneRedundancy,
  type LostZone,
  withUnseenBrokers,
  type ZoneObservation,
} from './zone-redundancy.js';

describe('min.insync.replicas when a zone is lost', () => {
  const zones = new Map([
    [1, 'a'],
    [2, 'a'],
    [3, 'b'],
    [4, 'b'],
  ]);
  const waitMs = 5_000;

  function observe({
    alive = [1, 2, 3, 4],
    current = 3,
    wanted = 3,
    inSync = alive,
    replicas = [1, 2, 3, 4],
  }: {
    alive?: number[];
    current?: number;
    wanted?: number;
    inSync?: number[];
    replicas?: number[];
  }): ZoneObservation {
    const topics = [{ name: 'topic', current, wanted, partitions: [{ replicas, inSync }] }];
    return { zones, alive: new Set(alive), topics };
  }
  const lostB: LostZone = { name: 'b', since: 1_000 };
  const changes = (observation: ZoneObservation, formerly: LostZone | undefined, now: number): unknown => [
    ...decideZoneRedundancy(observation, formerly, now, waitMs).changes,
  ];

  it('lowers to what the other zone holds, once the zone has been lost for the wait', () => {
    const observation = observe({ alive: [1, 2] });
    const first = decideZoneRedundancy(observation, undefined, 1_000, waitMs);
    expect(first.lostZone).to.deep.equal(lostB);
    expect(first.changes.size).to.equal(0);
    expect(changes(observation, first.lostZone, 5_999)).to.deep.equal([]);
    expect(changes(observation, first.lostZone, 6_000)).to.deep.equal([['topic', 2]]);
  });

  it('begins to wait anew when the zone was back meanwhile, or another is lost', () => {
    const back = decideZoneRedundancy(observe({}), lostB, 5_000, waitMs);
    expect(back.lostZone).to.equal(undefined);
    const again = decideZoneRedundancy(observe({ alive: [1, 2] }), back.lostZone, 9_000, waitMs);
    expect(again).to.deep.equal({ lostZone: { name: 'b', since: 9_000 }, changes: new Map() });
    const other = decideZoneRedundancy(observe({ alive: [3, 4] }), lostB, 9_000, waitMs);
    expect(other).to.deep.equal({ lostZone: { name: 'a', since: 9_000 }, changes: new Map() });
  });

  it('takes one broker for one broker', () => {
    expect(changes(observe({ alive: [1, 2, 3] }), undefined, 99_000)).to.deep.equal([]);
    // Two, of two zones: nothing can be acknowledged, and nothing that is lowered would be in both.
    expect(changes(observe({ alive: [1, 3] }), undefined, 99_000)).to.deep.equal([]);
  });

  it('never lowers below the copies that are left, though one more broker is away', () => {
    expect(changes(observe({ alive: [1] }), lostB, 99_000)).to.deep.equal([['topic', 2]]);
    expect(changes(observe({ alive: [1], current: 2 }), lostB, 99_000)).to.deep.equal([]);
  });

  it('leaves a topic alone that has no copy elsewhere, or already asks for less', () => {
    expect(changes(observe({ alive: [1, 2], replicas: [3, 4], current: 2 }), lostB, 99_000)).to.deep.equal(
      [],
    );
    expect(changes(observe({ alive: [1, 2], current: 1, wanted: 1 }), lostB, 99_000)).to.deep.equal([]);
  });

  it('changes nothing where no broker is there', () => {
    const nothing = decideZoneRedundancy(observe({ alive: [] }), lostB, 99_000, waitMs);
    expect(nothing).to.deep.equal({ lostZone: undefined, changes: new Map() });
  });

  it('raises when every copy is in sync again, and not before', () => {
    expect(changes(observe({ current: 2, inSync: [1, 2, 3] }), undefined, 99_000)).to.deep.equal([]);
    expect(changes(observe({ current: 2 }), undefined, 99_000)).to.deep.equal([['topic', 3]]);
    expect(changes(observe({ current: 2, wanted: 2 }), undefined, 99_000)).to.deep.equal([]);
  });

  it('knows that a zone is lost whose brokers were gone before it could ask them', () => {
    const known = new Map([...zones].filter(([, zone]) => zone === 'a'));
    const unseen = (declared: string[], observed = observe({ alive: [1, 2] })): ZoneObservation =>
      withUnseenBrokers({ ...observed, zones: known }, declared);
    expect(unseen(['a', 'b']).zones).to.deep.equal(zones);
    expect(changes(unseen(['a', 'b']), lostB, 99_000)).to.deep.equal([['topic', 2]]);
    // It can't tell which zone they are of.
    for (const declared of [[], ['a'], ['a', 'b', 'c']]) {
      expect(changes(unseen(declared), lostB, 99_000)).to.deep.equal([]);
    }
    // Two that are gone beside broker 1: one of them may be of zone a, and one copy is too few in any case.
    const few = observe({ alive: [1], replicas: [1, 3, 4], wanted: 3 });
    expect(changes(unseen(['a', 'b'], few), lostB, 99_000)).to.deep.equal([]);
  });
});
