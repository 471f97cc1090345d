import {
  destination as destinationSchema,
  hub as hubSchema,
  integrationFlow as flowSchema,
  plan,
  type Hub,
  type Stage,
} from '@integration-hub/api';
import { expect } from 'chai';
import type { KubeObject } from '../kubernetes/object.js';
import { hashOf } from './names.js';
import { renderStage } from './stage-objects.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
const metadata = (name: string): object => ({ name, namespace: 'hospital' });

function hubOf(spec: object = {}): Hub {
  const kafka = { bootstrapServers: ['kafka-a:9092', 'kafka-b:9093'] };
  return hubSchema.parse({
    apiVersion,
    kind: 'Hub',
    metadata: metadata('hub'),
    spec: { kafka, zones: ['zone-a', 'zone-b'], ...spec },
  });
}

function stagesOf(hub: Hub, flowSpec: object = {}): Stage[] {
  const spec = {
    listener: { mllp: { port: 2575 } },
    transformer: { mapping: { name: 'phw' } },
    destinations: [{ name: 'mpi' }],
    ...flowSpec,
  };
  const flow = flowSchema.parse({ apiVersion, kind: 'IntegrationFlow', metadata: metadata('phw'), spec });
  const mpi = { mllp: { host: 'mpi.example', port: 2576 } };
  const destination = destinationSchema.parse({
    apiVersion,
    kind: 'Destination',
    metadata: metadata('mpi'),
    spec: mpi,
  });
  return [...plan(hub, [flow], [destination]).stages];
}

/** A field by its path, such as `spec.template.spec.containers.0.image`. */
function at(object: KubeObject, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], object);
}

describe('rendering of a stage', () => {
  const owner = { apiVersion, kind: 'IntegrationFlow', name: 'phw', uid: '1234' };
  const objects = (role: Stage['role'], hub = hubOf(), service?: object): Map<string, KubeObject> => {
    const stage = stagesOf(hub).find((one) => one.role === role)!;
    const input = { stage, hub, owner, image: 'ihub:1', command: ['node', 'worker.js'] };
    const rendered = renderStage({ ...input, ...(service && { service: service as never }) });
    return new Map(rendered.map(({ object }) => [object.kind, object]));
  };
  const pod = 'spec.template.spec';

  it('has every object, the Deployment last, and a Service only for what listens', () => {
    const kinds = ['ServiceAccount', 'ConfigMap', 'NetworkPolicy', 'PodDisruptionBudget', 'Deployment'];
    expect([...objects('sender').keys()]).to.deep.equal(kinds);
    expect([...objects('transformer').keys()]).to.deep.equal(kinds);
    expect([...objects('listener').keys()]).to.deep.equal([...kinds.slice(0, 4), 'Service', 'Deployment']);
  });

  it('gives all objects the stage’s name, its labels and its owner', () => {
    for (const { metadata: given } of objects('listener').values()) {
      expect(given.name).to.equal('phw-listener');
      expect(given.namespace).to.equal('hospital');
      expect(given.labels).to.include({
        'app.kubernetes.io/instance': 'phw-listener',
        'app.kubernetes.io/component': 'listener',
        'app.kubernetes.io/managed-by': 'integration-hub-operator',
        'integrationhub.dev/flow': 'phw',
      });
      expect(given.ownerReferences).to.deep.equal([{ ...owner, controller: true }]);
    }
  });

  it('is the same for the same, and another for another configuration', () => {
    expect(hashOf([...objects('listener')])).to.equal(hashOf([...objects('listener')]));
    const hash = (hub: Hub, flowSpec: object): unknown => {
      const stage = stagesOf(hub, flowSpec)[0]!;
      const rendered = renderStage({ stage, hub, owner, image: 'ihub:1', command: ['node'] });
      const deployment = rendered.at(-1)!.object;
      return (at(deployment, 'spec.template.metadata.annotations') as Record<string, string>)[
        'integrationhub.dev/configuration-hash'
      ];
    };
    expect(hash(hubOf(), {})).to.equal(hash(hubOf(), {}));
    expect(hash(hubOf(), {})).not.to.equal(hash(hubOf(), { listener: { mllp: { port: 2599 } } }));
  });

  it('keeps the restricted Pod Security level', () => {
    for (const role of ['listener', 'transformer', 'sender'] as const) {
      const deployment = objects(role).get('Deployment')!;
      expect(at(deployment, `${pod}.securityContext`)).to.deep.include({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(at(deployment, `${pod}.containers.0.securityContext`)).to.deep.equal({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(at(deployment, `${pod}.automountServiceAccountToken`)).to.equal(false);
    }
  });

  it('spreads workers over the Hub’s zones, and lets them start when one is gone', () => {
    const deployment = objects('listener').get('Deployment')!;
    expect(at(deployment, 'spec.replicas')).to.equal(2);
    expect(at(deployment, `${pod}.topologySpreadConstraints.0`)).to.deep.include({
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'DoNotSchedule',
      nodeTaintsPolicy: 'Honor',
      matchLabelKeys: ['pod-template-hash'],
    });
    const terms = `${pod}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
    expect(at(deployment, `${terms}.0.matchExpressions.0.values`)).to.deep.equal(['zone-a', 'zone-b']);
  });

  it('tells a worker its zone, where Kubernetes says it of pods', () => {
    const [variable] = at(objects('sender').get('Deployment')!, `${pod}.containers.0.env`) as object[];
    const fieldPath = "metadata.labels['topology.kubernetes.io/zone']";
    expect(variable).to.deep.equal({
      name: 'IHUB_ZONE',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
    });
  });

  it('wants no zone labels where the Hub names no zones', () => {
    const deployment = objects('listener', hubOf({ zones: [] })).get('Deployment')!;
    expect(at(deployment, `${pod}.topologySpreadConstraints.0.whenUnsatisfiable`)).to.equal('ScheduleAnyway');
    expect(at(deployment, `${pod}.affinity.nodeAffinity`)).to.equal(undefined);
  });

  it('takes image, secrets and resources from the Hub, in Kubernetes’ own form', () => {
    const workers = {
      image: 'other:2',
      imagePullSecrets: [{ name: 'registry' }],
      resources: { listener: { cpu: '2000m', memory: '1024Mi' } },
    };
    const deployment = objects('listener', hubOf({ workers })).get('Deployment')!;
    expect(at(deployment, `${pod}.containers.0.image`)).to.equal('other:2');
    expect(at(deployment, `${pod}.imagePullSecrets`)).to.deep.equal([{ name: 'registry' }]);
    expect(at(deployment, `${pod}.containers.0.resources`)).to.deep.equal({
      requests: { cpu: '2', memory: '1Gi' },
      limits: { memory: '1Gi' },
    });
  });

  it('adds the memory in which a transformer knows messages that come again', () => {
    const memoryOf = (flowSpec: object): unknown => {
      const hub = hubOf();
      const stage = stagesOf(hub, flowSpec).find(({ role }) => role === 'transformer')!;
      const rendered = renderStage({ stage, hub, owner, image: 'ihub:1', command: ['node', 'worker.js'] });
      const { object } = rendered.find((one) => one.object.kind === 'Deployment')!;
      return at(object, `${pod}.containers.0.resources.limits.memory`);
    };
    expect(memoryOf({})).to.equal('384Mi');
    expect(memoryOf({ deduplication: {} })).to.equal('491Mi');
    expect(memoryOf({ deduplication: { maxMessages: 20_000_000 } })).to.equal('2521Mi');
  });

  it('mounts the Secrets that a stage reads, and no other', () => {
    const hub = hubOf();
    const stage = { ...stagesOf(hub)[0]!, secrets: [{ name: 'phw-tls', keys: ['tls.crt', 'tls.key'] }] };
    const deployment = renderStage({ stage, hub, owner, image: 'ihub:1', command: ['node'] }).at(-1)!.object;
    expect(at(deployment, `${pod}.containers.0.volumeMounts.2`)).to.deep.equal({
      name: 'secret-0',
      mountPath: '/etc/ihub-secrets/phw-tls',
      readOnly: true,
    });
    expect(at(deployment, `${pod}.volumes.2.secret.items`)).to.deep.equal([
      { key: 'tls.crt', path: 'tls.crt' },
      { key: 'tls.key', path: 'tls.key' },
    ]);
    expect(at(objects('listener').get('Deployment')!, `${pod}.volumes`)).to.have.lengthOf(2);
  });

  it('opens no more than what is needed', () => {
    const rules = (role: Stage['role'], direction: string): unknown =>
      at(objects(role).get('NetworkPolicy')!, `spec.${direction}`);
    const tcp = (port: number): object => ({ protocol: 'TCP', port });
    const metrics = { from: [{ namespaceSelector: {} }], ports: [tcp(9001)] };
    expect(rules('listener', 'ingress')).to.deep.equal([{ ports: [tcp(2575)] }, metrics]);
    expect(rules('sender', 'ingress')).to.deep.equal([metrics]);
    const outward = [{ ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }, { ports: [tcp(9092), tcp(9093)] }];
    expect(rules('listener', 'egress')).to.deep.equal(outward);
    expect(rules('sender', 'egress')).to.deep.equal([...outward, { ports: [tcp(2576)] }]);
  });

  it('lets out what telemetry needs, with its headers from a Secret', () => {
    const telemetry = (endpoint: string): Hub =>
      hubOf({ telemetry: { otlp: { endpoint, headersSecretName: 'otlp' } } });
    const given = objects('transformer', telemetry('http://collector:4318'));
    const egress = (endpoint: string): unknown =>
      at(objects('transformer', telemetry(endpoint)).get('NetworkPolicy')!, 'spec.egress.2.ports');
    expect(at(given.get('NetworkPolicy')!, 'spec.egress.2.ports')).to.deep.equal([
      { protocol: 'TCP', port: 4318 },
    ]);
    expect(egress('https://collector/otlp')).to.deep.equal([{ protocol: 'TCP', port: 443 }]);
    expect(egress('http://collector')).to.deep.equal([{ protocol: 'TCP', port: 80 }]);
    const deployment = JSON.stringify(given.get('Deployment'));
    expect(deployment).to.include('"secretName":"otlp"').and.include('/etc/ihub-secrets/otlp');
    expect(JSON.stringify(given.get('ConfigMap'))).to.include('/etc/ihub-secrets/otlp/headers');
  });

  it('reaches the listener as the flow says', () => {
    const service = {
      type: 'NodePort',
      nodePort: 30_575,
      annotations: { 'example.com/balancer': 'internal' },
    };
    const object = objects('listener', hubOf(), service).get('Service')!;
    expect(at(object, 'spec.type')).to.equal('NodePort');
    expect(at(object, 'spec.ports')).to.deep.equal([
      { name: 'mllp', port: 2575, targetPort: 'mllp', protocol: 'TCP', nodePort: 30_575 },
    ]);
    expect(object.metadata.annotations).to.deep.equal({ 'example.com/balancer': 'internal' });
  });

  it('lets one worker go at a time, never the last ready one in a rollout', () => {
    expect(at(objects('listener').get('PodDisruptionBudget')!, 'spec.maxUnavailable')).to.equal(1);
    expect(at(objects('listener').get('Deployment')!, 'spec.strategy.rollingUpdate')).to.deep.equal({
      maxUnavailable: 0,
      maxSurge: 1,
    });
  });

  it('serves the console, lets it find workers, and rolls it for nothing that it reads again', () => {
    const oidc = { issuer: 'https://login.example:8443/x', clientId: 'ihub', secretName: 'oidc', roles: {} };
    const hub = hubOf({ console: { oidc, publicUrl: 'https://hub.example' } });
    const render = (flowSpec: object): KubeObject[] => {
      const stage = stagesOf(hub, flowSpec).find((one) => one.role === 'console')!;
      return renderStage({ stage, hub, owner, image: 'ihub:1', command: ['node'] }).map(
        ({ object }) => object,
      );
    };
    const [one, two] = [render({}), render({ listener: { mllp: { port: 2599 }, charset: '8859/1' } })];
    const find = (all: KubeObject[], kind: string, name = 'console'): KubeObject =>
      all.find((object) => object.kind === kind && object.metadata.name === name)!;
    expect(find(two, 'Deployment')).to.deep.equal(find(one, 'Deployment'));
    expect(find(two, 'ConfigMap')).not.to.deep.equal(find(one, 'ConfigMap'));
    expect(one.at(-1)!.kind).to.equal('Deployment');
    expect(at(find(one, 'Service'), 'spec.ports')).to.deep.equal([
      { name: 'console', port: 8080, targetPort: 'console', protocol: 'TCP' },
    ]);
    const workers = find(one, 'Service', 'hub-workers');
    expect(at(workers, 'spec')).to.deep.include({ clusterIP: 'None', publishNotReadyAddresses: true });
    const labels = at(objects('sender').get('Deployment')!, 'spec.template.metadata.labels');
    expect(labels).to.include(at(workers, 'spec.selector'));
    const tcp = (port: number): object => ({ protocol: 'TCP', port });
    const egress = at(find(one, 'NetworkPolicy'), 'spec.egress') as object[];
    expect(egress.at(-1)).to.deep.equal({ ports: [tcp(9001), tcp(443), tcp(6443), tcp(8443)] });
    const resources = ['hubs', 'integrationflows', 'destinations'];
    expect(at(find(one, 'Role'), 'rules')).to.deep.equal([
      { apiGroups: ['integrationhub.dev'], resources, verbs: ['get', 'patch'] },
    ]);
    const binding = find(one, 'RoleBinding');
    expect(at(binding, 'roleRef.name')).to.equal('console');
    expect(at(binding, 'subjects')).to.deep.equal([
      { kind: 'ServiceAccount', name: 'console', namespace: 'hospital' },
    ]);
    expect(at(find(one, 'ServiceAccount'), 'automountServiceAccountToken')).to.equal(false);
    const deployment = find(one, 'Deployment');
    expect(at(deployment, `${pod}.automountServiceAccountToken`)).to.equal(true);
    expect(at(deployment, 'spec.replicas')).to.equal(1);
    expect(at(deployment, `${pod}.volumes.2.secret`)).to.include({ secretName: 'oidc' });
    expect(at(deployment, `${pod}.containers.0.securityContext.readOnlyRootFilesystem`)).to.equal(true);
  });

  it('gives an archivist its Secrets as files, the way to its database, and the Hub as owner', () => {
    const archive = {
      postgres: { host: 'db', port: 5433, secretName: 'db-user' },
      keysSecretName: 'keys',
    };
    const hub = hubOf({ archive });
    const stage = stagesOf(hub).find(({ role }) => role === 'archivist')!;
    const own = { apiVersion, kind: 'Hub', name: 'hub', uid: '1' };
    const rendered = renderStage({ stage, hub, owner: own, image: 'ihub:1', command: ['node'] });
    const kinds = new Map(rendered.map(({ object }) => [object.kind, object]));
    const deployment = kinds.get('Deployment')!;
    expect(deployment.metadata.labels).to.include({ 'integrationhub.dev/hub': 'hub' });
    const mounts = at(deployment, `${pod}.containers.0.volumeMounts`) as { mountPath: string }[];
    expect(mounts.map(({ mountPath }) => mountPath)).to.include.members([
      '/etc/ihub-secrets/db-user',
      '/etc/ihub-secrets/keys',
    ]);
    const text = JSON.stringify(kinds.get('ConfigMap'));
    expect(text).to.include('/etc/ihub-secrets/keys/content.key');
    expect(JSON.stringify(kinds.get('NetworkPolicy'))).to.include('5433');
  });
});
