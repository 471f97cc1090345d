import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { problemText } from './problem.js';
import { readResources } from './resources.js';

const flow = (spec: string): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: phw-to-mpi}
spec: ${spec}`;
const destination = (spec: string): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: Destination
metadata: {name: mpi}
spec: ${spec}`;
const hub = (spec: string): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: Hub
metadata: {name: hub}
spec: ${spec}`;
const problems = (text: string): string[] => readResources(text, 'flows.yaml').problems.map(problemText);

describe('readResources', () => {
  it('reads the shipped flows without a problem', () => {
    for (const file of [
      'phw-to-mpi',
      'paris-to-mpi',
      'chemocare-to-mpi',
      'pims-to-mpi',
      'mosaiq-to-mpi',
      'wds-to-mpi',
      'mpi-outbound',
      'mpi',
    ]) {
      const path = new URL(`../../manifests/flows/${file}.yaml`, import.meta.url);
      expect(readResources(readFileSync(path, 'utf8'), file).problems).to.deep.equal([]);
    }
  });

  it('fills in the defaults', () => {
    const [read] = readResources(flow('{listener: {mllp: {}}, destinations: [{name: mpi}]}'), 'x').flows;
    expect(read?.metadata.namespace).to.equal('default');
    expect(read?.spec).to.deep.equal({
      listener: {
        mllp: { port: 2575, maxConnections: 2000, frameTimeout: '60s' },
        service: { type: 'ClusterIP' },
        maxMessageSize: '1Mi',
        charset: 'UNICODE UTF-8',
        accept: { rules: [] },
        onReject: 'Close',
        storeTimeout: '30s',
      },
      ordering: { by: 'Flow' },
      destinations: [{ name: 'mpi' }],
      availability: { replicasPerZone: 1 },
      contentPolicy: 'Redacted',
      deletionPolicy: 'Keep',
      drainTimeout: '10m',
    });
  });

  it('reads several documents and passes over those of other groups', () => {
    const other = 'apiVersion: v1\nkind: Namespace\nmetadata: {name: x}';
    const text = [
      destination('{mllp: {host: mpi, port: 2576}}'),
      other,
      hub('{kafka: {bootstrapServers: [k:9092]}}'),
    ];
    const read = readResources(text.join('\n---\n'), 'x');
    expect(read.problems).to.deep.equal([]);
    expect([read.destinations.length, read.hubs.length, read.flows.length]).to.deep.equal([1, 1, 0]);
  });

  const listener = 'listener: {mllp: {}}';
  const to = 'destinations: [{name: mpi}]';
  const rule = '{name: a, when: "true", message: no}';
  const wrong: [name: string, text: string, expected: string][] = [
    [
      'a misspelt field',
      flow(`{${listener}, ${to}, tranformer: {}}`),
      'IntegrationFlow/phw-to-mpi: spec.tranformer is not a field of this resource; check its spelling and its place',
    ],
    [
      'a missing listener',
      flow(`{${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener is missing; it must be an object',
    ],
    [
      'no destination',
      flow(`{${listener}, destinations: []}`),
      'IntegrationFlow/phw-to-mpi: spec.destinations must name at least one destination',
    ],
    [
      'a port out of range',
      flow(`{listener: {mllp: {port: 70000}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.mllp.port must be from 1 to 65535',
    ],
    [
      'a port in quotes',
      flow(`{listener: {mllp: {port: "2575"}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.mllp.port must be a whole number',
    ],
    [
      'a size without a unit that exists',
      flow(`{listener: {mllp: {}, maxMessageSize: 1MB}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.maxMessageSize must be a size in bytes such as 1048576, 512Ki or 1Mi',
    ],
    [
      'a size above the cap',
      flow(`{listener: {mllp: {}, maxMessageSize: 101Mi}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.maxMessageSize must be at most 100Mi',
    ],
    [
      'an unknown policy',
      flow(`{listener: {mllp: {}, onReject: Nack}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.onReject must be Close (say nothing, close the connection) or Nak (answer AE or AR)',
    ],
    [
      'ordering by a field that is not named',
      flow(`{${listener}, ${to}, ordering: {by: Field}}`),
      'IntegrationFlow/phw-to-mpi: spec.ordering.path is needed where by is Field, for example PID-3.1',
    ],
    [
      'a path where all is in order',
      flow(`{${listener}, ${to}, ordering: {path: PID-3.1}}`),
      'IntegrationFlow/phw-to-mpi: spec.ordering.path belongs to by: Field only; remove it or set by',
    ],
    [
      'a rule without a message',
      flow(`{listener: {mllp: {}, accept: {rules: [{name: a, when: "true"}]}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.accept.rules[0].message is missing; it must be a string',
    ],
    [
      'an empty list of applications',
      flow(`{listener: {mllp: {}, accept: {sendingApplications: []}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.accept.sendingApplications must have at least 1 entry',
    ],
    [
      'a duration without a unit',
      destination('{mllp: {host: mpi, port: 1}, ackTimeout: 30}'),
      'Destination/mpi: spec.ackTimeout must be a string',
    ],
    [
      'a duration that is none',
      destination('{mllp: {host: mpi, port: 1}, ackTimeout: soon}'),
      'Destination/mpi: spec.ackTimeout must be a duration such as 500ms, 30s, 15m, 12h or 14d',
    ],
    [
      'a first wait longer than the longest',
      destination('{mllp: {host: mpi, port: 1}, retry: {initial: 1h}}'),
      'Destination/mpi: spec.retry.initial must not be longer than max',
    ],
    [
      'a host with a scheme',
      destination('{mllp: {host: "tcp://mpi", port: 1}}'),
      'Destination/mpi: spec.mllp.host must be a host name or an IP address',
    ],
    [
      'no pace at all',
      destination('{mllp: {host: mpi, port: 1}, throttle: {messagesPerMinute: 0}}'),
      'Destination/mpi: spec.throttle.messagesPerMinute must be at least 1',
    ],
    [
      'a broker without a port',
      hub('{kafka: {bootstrapServers: [kafka]}}'),
      'Hub/hub: spec.kafka.bootstrapServers[0] must be HOST:PORT, for example kafka-bootstrap:9092',
    ],
    [
      'more copies in sync than there are',
      hub('{kafka: {bootstrapServers: ["k:1"], replicationFactor: 1, minInsyncReplicas: 2}}'),
      'Hub/hub: spec.kafka.minInsyncReplicas needs a replicationFactor that is at least as large',
    ],
    [
      'a zone twice',
      hub('{kafka: {bootstrapServers: ["k:1"]}, zones: [a, a]}'),
      'Hub/hub: spec.zones must not name a zone twice',
    ],
    [
      'a name with capitals',
      flow(`{${listener}, ${to}}`).replace('phw-to-mpi', 'PHW'),
      'IntegrationFlow/PHW: metadata.name must be lower-case letters, digits and hyphens, begin with a letter and end with a letter or digit, such as phw-to-mpi',
    ],
    [
      'a destination twice',
      flow(`{${listener}, destinations: [{name: mpi, when: "true"}, {name: mpi, when: "false"}]}`),
      'IntegrationFlow/phw-to-mpi: spec.destinations must not name a destination twice; join the two conditions with ||',
    ],
    [
      'a rule twice',
      flow(`{listener: {mllp: {}, accept: {rules: [${rule}, ${rule}]}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.accept.rules must not give two rules one name',
    ],
    [
      'a port of nodes where none is opened',
      flow(`{listener: {mllp: {}, service: {nodePort: 30075}}, ${to}}`),
      'IntegrationFlow/phw-to-mpi: spec.listener.service.nodePort belongs to type NodePort or LoadBalancer; remove it or set type',
    ],
    [
      'less processor than the least',
      hub('{kafka: {bootstrapServers: ["k:1"]}, workers: {resources: {sender: {cpu: 5m}}}}'),
      'Hub/hub: spec.workers.resources.sender.cpu must be at least 10m',
    ],
    [
      'another version',
      flow(`{${listener}, ${to}}`).replace('v1alpha1', 'v2'),
      'IntegrationFlow/phw-to-mpi: apiVersion must be integrationhub.dev/v1alpha1',
    ],
    [
      'a kind that is none of ours',
      flow('{}').replace('IntegrationFlow', 'Flow'),
      'Flow/phw-to-mpi: kind is no kind of this API: use IntegrationFlow, Destination, Hub or MessageReplay',
    ],
    ['a text that is no resource', 'hello', 'flows.yaml: is not a resource: apiVersion and kind are missing'],
  ];
  for (const [name, text, expected] of wrong) {
    it(`says what to change: ${name}`, () => expect(problems(text)).to.deep.equal([expected]));
  }

  it('names the line of broken YAML, and reads the documents after it', () => {
    const read = readResources(`a: [1\n---${destination('{mllp: {host: mpi, port: 1}}')}`, 'flows.yaml');
    expect(read.problems).to.have.length(1);
    expect(problemText(read.problems[0]!)).to.match(/^flows\.yaml:\d+: is not YAML: /);
    expect(read.destinations).to.have.length(1);
  });

  it('says all that is wrong, not only the first', () => {
    expect(problems(flow('{listener: {mllp: {port: 0}, onReject: x}, destinations: []}'))).to.have.length(3);
  });
});
