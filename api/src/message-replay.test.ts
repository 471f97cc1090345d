import { expect } from 'chai';
import {
  messageReplay,
  readReplayRequest,
  replayIdOf,
  replayRequestValue,
  type MessageReplay,
} from './message-replay.js';
import { apiVersion } from './metadata.js';

const spec = { selection: { flow: 'phw-to-mpi' }, reason: 'INC-4711', requestedBy: 'siân' };

function replay(change: object = {}, metadata: object = {}): MessageReplay {
  return messageReplay.parse({
    apiVersion,
    kind: 'MessageReplay',
    metadata: { name: 'again', ...metadata },
    spec: { ...spec, ...change },
  });
}

describe('A MessageReplay', () => {
  it('has an id that no later version may change, else all that Git holds would be sent again', () => {
    expect(replayIdOf(replay())).to.equal('ed7ca343-6b70-81e2-8e3c-520e8f94fd55');
    const selection = {
      ...{ flow: 'a', messageType: 'ADT^A31', controlId: '7' },
      ...{ from: '2026-11-20T09:00:00Z', until: '2026-11-20T10:00:00Z' },
      correlationIds: ['0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00'],
    };
    const all = replay({ selection, stage: 'Outbound', of: 'mpi', to: 'test' });
    expect(replayIdOf(all)).to.equal('c6be9e03-0d8a-8514-81a2-c145c7e7638f');
  });

  it('has the same id whatever it is told to do meanwhile, and wherever it was made', () => {
    const id = replayIdOf(replay());
    expect(replayIdOf(replay({ paused: true, cancelled: true, ratePerSecond: 7 }))).to.equal(id);
    expect(replayIdOf(replay({}, { uid: 'another' }))).to.equal(id);
  });

  it('has another id where it is another', () => {
    const others = [
      replay({}, { name: 'once-more' }),
      replay({}, { namespace: 'other' }),
      replay({ selection: { flow: 'other' } }),
      replay({ selection: { controlId: 'phw-to-mpi' } }),
      replay({ stage: 'Outbound' }),
      replay({ stage: 'Outbound', of: 'mpi' }),
      replay({ to: 'mpi' }),
      replay({ reason: 'INC-4712' }),
      replay({ requestedBy: 'rhys' }),
    ];
    const ids = [replay(), ...others].map(replayIdOf);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('is asked for by a record that says the same when it is read', () => {
    const wanted = replay({ ratePerSecond: 20 });
    expect(readReplayRequest(replayRequestValue(wanted))).to.deep.equal({
      ...{ version: 1, id: replayIdOf(wanted), name: 'again', namespace: 'default', spec: wanted.spec },
    });
  });

  it('is not read from what is no request', () => {
    const request = JSON.parse(replayRequestValue(replay()).toString()) as object;
    const others = [{ spec: undefined }, { version: 2 }, { id: 'one' }].map((change) =>
      JSON.stringify({ ...request, ...change }),
    );
    for (const text of ['', 'null', '{', '{"version":1,"next":7}', ...others])
      expect(readReplayRequest(Buffer.from(text)), text).to.equal(undefined);
  });
});
