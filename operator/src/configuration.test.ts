import { workerNodeOptions } from '@integration-hub/workers';
import { expect } from 'chai';
import { ConfigurationError, readConfiguration } from './configuration.js';

const needed = ['--worker-image', 'ihub:1', '--lease-namespace', 'hub'];

describe('configuration of the operator', () => {
  it('takes flags before the environment, and defaults last', () => {
    const environment = { IHUB_WORKER_IMAGE: 'ihub:2', IHUB_CONCURRENCY: '3', POD_NAMESPACE: 'pod' };
    const read = readConfiguration(['--worker-image', 'ihub:1'], environment);
    expect(read['worker-image']).to.equal('ihub:1');
    expect(read.concurrency).to.equal(3);
    expect(read['lease-namespace']).to.equal('pod');
    expect(read['lease-duration-ms']).to.equal(12_000);
    expect(read.workerCommand).to.deep.equal([
      'node',
      ...workerNodeOptions,
      '/app/workers/bin/ihub-worker.js',
    ]);
  });

  it('reads nodes unless it is kept to one namespace', () => {
    expect(readConfiguration(needed, {}).readNodes).to.equal(true);
    expect(readConfiguration([...needed, '--namespace', 'a'], {}).readNodes).to.equal(false);
    expect(readConfiguration([...needed, '--namespace', 'a', '--read-nodes', 'true'], {}).readNodes).to.equal(
      true,
    );
  });

  it('names the identity after the pod', () => {
    expect(readConfiguration(needed, { POD_NAME: 'operator-1' }).identity).to.equal('operator-1');
    expect(readConfiguration(needed, {}).identity).to.match(/-\d+$/);
  });

  for (const [what, args, text] of [
    ['what is needed and missing', [], /--worker-image: is needed[^]*--lease-namespace: is needed/],
    ['a flag that there isn’t', [...needed, '--wrong', '1'], /--wrong/],
    ['a number that is none', [...needed, '--concurrency', 'many'], /--concurrency/],
    ['a value outside its range', [...needed, '--concurrency', '0'], /--concurrency/],
  ] as const) {
    it(`says ${what}`, () => {
      expect(() => readConfiguration(args, {})).to.throw(ConfigurationError, text);
    });
  }
});
