import { expect } from 'chai';
import { firstDifference } from './difference.js';
import type { KubeObject } from './object.js';

function object(spec: object, kind = 'Deployment'): KubeObject {
  return { apiVersion: 'apps/v1', kind, metadata: { name: 'a' }, spec };
}

describe('difference between what is wanted and what is there', () => {
  it('is none where the server has added its defaults', () => {
    const wanted = object({ template: { spec: { containers: [{ name: 'listener', image: 'a' }] } } });
    const present = object({
      replicas: 1,
      template: { spec: { containers: [{ name: 'listener', image: 'a', terminationMessagePath: '/x' }] } },
    });
    expect(firstDifference(wanted, present)).to.equal(undefined);
  });

  it('names the field', () => {
    expect(firstDifference(object({ replicas: 2 }), object({ replicas: 0 }))).to.equal('spec.replicas');
    expect(firstDifference(object({ replicas: 2 }), object({}))).to.equal('spec.replicas');
    const containers = (image: string): object => ({
      containers: [{ name: 'sidecar' }, { name: 'a', image }],
    });
    expect(firstDifference(object(containers('a')), object(containers('b')))).to.equal(
      'spec.containers[1].image',
    );
  });

  it('leaves entries of others alone in lists that are merged by a key', () => {
    const wanted = object({ containers: [{ name: 'listener', image: 'a' }] });
    const present = object({ containers: [{ name: 'proxy' }, { name: 'listener', image: 'a' }] });
    expect(firstDifference(wanted, present)).to.equal(undefined);
  });

  it('misses an entry of its own that was taken away', () => {
    const wanted = object({ volumes: [{ name: 'tmp' }, { name: 'configuration' }] });
    expect(firstDifference(wanted, object({ volumes: [{ name: 'tmp' }] }))).to.equal('spec.volumes[1]');
  });

  it('is any other length of a list that is replaced as a whole', () => {
    const rules = (...ports: number[]): object => ({ ingress: [{ ports: ports.map((port) => ({ port })) }] });
    const difference = firstDifference(
      object(rules(2575), 'NetworkPolicy'),
      object(rules(2575, 22), 'NetworkPolicy'),
    );
    expect(difference).to.equal('spec.ingress[0].ports');
    expect(
      firstDifference(object({ ports: [{ port: 1 }] }), object({ ports: [{ port: 2 }, { port: 1 }] })),
    ).to.equal(undefined);
  });

  it('is none between what is empty and what is left out', () => {
    expect(
      firstDifference(
        object({ volumes: [{ name: 'tmp', emptyDir: {} }] }),
        object({ volumes: [{ name: 'tmp' }] }),
      ),
    ).to.equal(undefined);
  });
});
