import { expect } from 'chai';
import type { KubeObject } from './kubernetes/object.js';
import { NamespacePlans } from './namespace-plans.js';

const apiVersion = 'integrationhub.dev/v1alpha1';

function flow(name: string, port: number, destination: string, created = '2026-01-01T00:00:00Z'): KubeObject {
  return {
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: { name, namespace: 'ns', creationTimestamp: created },
    spec: { listener: { mllp: { port } }, destinations: [{ name: destination }] },
  };
}

function destination(name: string): KubeObject {
  const spec = { mllp: { host: 'mpi.example', port: 2576 } };
  return { apiVersion, kind: 'Destination', metadata: { name, namespace: 'ns' }, spec };
}

function hub(name: string, created: string): KubeObject {
  const metadata = { name, namespace: 'ns', creationTimestamp: created };
  return { apiVersion, kind: 'Hub', metadata, spec: { kafka: { bootstrapServers: ['kafka:9092'] } } };
}

class Resources {
  hubs = [hub('hub', '2026-01-01T00:00:00Z')];
  flows: KubeObject[] = [];
  destinations = [destination('mpi')];
  changed: string[] = [];
  readonly plans = new NamespacePlans({
    hubs: () => this.hubs,
    flows: () => this.flows,
    destinations: () => this.destinations,
    onShareChanged: (_namespace, resource) => this.changed.push(resource),
  });

  /** The resources whose share has changed since the last time. */
  changes(): string[] {
    this.changed = [];
    this.plans.invalidate('ns');
    this.plans.of('ns');
    return this.changed.sort();
  }
}

describe('plan of a namespace', () => {
  it('tells whose share has changed, and nobody else’s', () => {
    const resources = new Resources();
    resources.flows = [flow('one', 2575, 'mpi'), flow('two', 2576, 'mpi')];
    expect(resources.changes()).to.deep.equal([
      'Destination/mpi',
      'Hub/hub',
      'IntegrationFlow/one',
      'IntegrationFlow/two',
    ]);
    expect(resources.changes()).to.deep.equal([]);
    resources.flows = [flow('one', 2577, 'mpi'), resources.flows[1]!];
    expect(resources.changes()).to.deep.equal(['IntegrationFlow/one']);
  });

  it('lets the older of two flows on one port keep it, and gives it on when that goes', () => {
    const resources = new Resources();
    const [older, newer] = [flow('z', 2575, 'mpi'), flow('a', 2575, 'mpi', '2026-02-01T00:00:00Z')];
    resources.flows = [newer, older];
    const plan = resources.plans.of('ns');
    expect(plan.share('IntegrationFlow/z').stages).to.have.lengthOf(1);
    expect(plan.share('IntegrationFlow/a').stages).to.deep.equal([]);
    expect(plan.share('IntegrationFlow/a').problems[0]?.code).to.equal('PORT_TAKEN');
    resources.flows = [newer];
    expect(resources.changes()).to.include('IntegrationFlow/a');
    expect(resources.plans.of('ns').share('IntegrationFlow/a').stages).to.have.lengthOf(1);
  });

  it('keeps a wrong flow from the others', () => {
    const resources = new Resources();
    resources.flows = [
      flow('good', 2575, 'mpi'),
      flow('lost', 2576, 'nowhere'),
      { ...flow('bad', 1, 'mpi'), spec: { x: 1 } },
    ];
    const plan = resources.plans.of('ns');
    expect(plan.share('IntegrationFlow/good').problems).to.deep.equal([]);
    expect(plan.share('IntegrationFlow/lost').problems[0]?.code).to.equal('MISSING_DESTINATION');
    expect(plan.share('IntegrationFlow/bad').problems[0]?.code).to.equal('INVALID_FIELD');
    expect(plan.usersOf('mpi')).to.deep.equal(['good']);
    resources.destinations.push(destination('nowhere'));
    expect(resources.changes()).to.include('IntegrationFlow/lost');
  });

  it('takes the oldest Hub, and says so of the other', () => {
    const resources = new Resources();
    resources.hubs = [hub('b', '2026-02-01T00:00:00Z'), hub('c', '2026-01-01T00:00:00Z')];
    const plan = resources.plans.of('ns');
    expect(plan.hub?.metadata.name).to.equal('c');
    expect(plan.share('Hub/b').problems[0]?.message).to.match(/c is in use/);
  });

  it('has nothing for flows where there is no Hub', () => {
    const resources = new Resources();
    resources.hubs = [];
    resources.flows = [flow('one', 2575, 'mpi')];
    const plan = resources.plans.of('ns');
    expect(plan.hub).to.equal(undefined);
    expect(plan.share('IntegrationFlow/one').stages).to.deep.equal([]);
  });
});
