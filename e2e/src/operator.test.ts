import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { MockReceiver, WorkerProcess } from '@integration-hub/cli';
import {
  alertOverrideAnnotation,
  alertOverrideManager,
  type AlertOverride,
  type Stage,
  type WorkerConfiguration,
} from '@integration-hub/api';
import type { Alarms, Problem } from '@integration-hub/console/api';
import { EmbeddedBroker, freePort, TopicAdmin } from '@integration-hub/kafka';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { allowUsers } from '../../kafka/dist/rules-under-test.js';
import { authorizedUsers } from './authorized-users.js';
import { samples } from './flows.js';
import { Hospital } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';
import type { ConsoleSession } from './console-session.js';
import { OperatorConsole } from './operator-console.js';
import {
  ClusterUnderTest,
  TroublesomeProxy,
  operatorNamespace,
  type OperatorUnderTest,
} from './operator-under-test.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
/** Drift is to be repaired within so long, on an idle machine; tests share theirs. */
const repairMs = 5_000;
/** The namespace whose Secrets the operator may not read until a test says so. */
const ofSecrets = 'secured';

interface FlowWishes {
  port: number;
  destinations?: string[];
  mapping?: string;
  spec?: object;
}

function flow(namespace: string, name: string, wishes: FlowWishes): object {
  const { port, destinations = ['mpi'], mapping, spec } = wishes;
  return {
    apiVersion,
    kind: 'IntegrationFlow',
    metadata: { name, namespace },
    spec: {
      listener: { mllp: { port } },
      ...(mapping !== undefined && { transformer: { mapping: { name: mapping } } }),
      destinations: destinations.map((destination) => ({ name: destination })),
      ...spec,
    },
  };
}

function destination(namespace: string, name: string, spec: object = {}): object {
  const mllp = { host: '127.0.0.1', port: 1 };
  return { apiVersion, kind: 'Destination', metadata: { name, namespace }, spec: { mllp, ...spec } };
}

/** The kind of the Prometheus Operator, as far as the operator writes it; what it does not know is pruned. */
const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const rule = {
  type: 'object',
  required: ['expr'],
  properties: {
    alert: text,
    expr: text,
    for: text,
    keep_firing_for: text,
    labels: texts,
    annotations: texts,
  },
};
const group = {
  type: 'object',
  required: ['name'],
  properties: { name: text, rules: { type: 'array', items: rule } },
};
const groups = {
  type: 'array',
  items: group,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
};
const prometheusRules = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'prometheusrules.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind: 'PrometheusRule', plural: 'prometheusrules', singular: 'prometheusrule' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { groups } } },
          },
        },
      },
    ],
  },
};

describe('operator', function () {
  this.timeout(600_000);
  /** From when to when the API server was away, and had yet to learn who may do what. */
  let restart: [string, string] | undefined;
  let cluster: ClusterUnderTest;
  let operator: OperatorUnderTest;
  let admin: TopicAdmin;

  before(async function () {
    // A new machine builds the API server first.
    this.timeout(1_500_000);
    cluster = await ClusterUnderTest.start();
    admin = await TopicAdmin.connect({
      connection: { bootstrapServers: cluster.broker.bootstrapServers, clientId: 'test' },
    });
    operator = await cluster.operator(['--status-every-ms', '2000']);
    for (const zone of ['zone-a', 'zone-b']) {
      const labels = { 'topology.kubernetes.io/zone': zone };
      await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: `node-of-${zone}`, labels } });
    }
  });
  after(async () => {
    await admin.close();
    await cluster.stop();
  });

  const exists = async (kind: string, namespace: string, name: string): Promise<boolean> =>
    (await cluster.get(kind, namespace, name)) !== undefined;
  const ready = (
    namespace: string,
    name: string,
    reason: string,
    withinMs?: number,
  ): ReturnType<ClusterUnderTest['awaitReason']> =>
    cluster.awaitReason(['IntegrationFlow', namespace, name], 'Ready', reason, withinMs);

  describe('makes what flows need', () => {
    const ns = 'hospital';
    const perStage = ['ServiceAccount', 'ConfigMap', 'NetworkPolicy', 'PodDisruptionBudget', 'Deployment'];

    before(async () => {
      await cluster.hub(ns);
      await cluster.kubectl('apply', '-n', ns, '-f', join(import.meta.dirname, '../../manifests/flows'));
      await ready(ns, 'phw-to-mpi', 'WorkersStarting', 40_000);
      await ready(ns, 'mpi-outbound', 'WorkersStarting', 40_000);
      await cluster.atRest();
    });

    it('objects of every stage, owned by their resource', async () => {
      for (const stage of [
        'phw-to-mpi-listener',
        'phw-to-mpi-transformer',
        'paris-to-mpi-listener',
        'mpi-sender',
      ]) {
        for (const kind of [...perStage, ...(stage.endsWith('listener') ? ['Service'] : [])]) {
          expect(await exists(kind, ns, stage), `${kind} ${stage}`).to.equal(true);
        }
      }
      expect(await exists('Service', ns, 'mpi-sender')).to.equal(false);
      expect(await exists('Deployment', ns, 'paris-to-mpi-transformer')).to.equal(false);
    });

    it('topics', async () => {
      expect((await admin.endOffsets('ihub.hospital.mpi.outbound')).size).to.equal(12);
      expect((await admin.endOffsets('ihub.hospital.phw-to-mpi.received')).size).to.equal(1);
    });

    it('a finalizer, conditions and endpoints', async () => {
      const found = (await cluster.get('IntegrationFlow', ns, 'phw-to-mpi'))!;
      expect(found.metadata.finalizers).to.deep.equal(['integrationhub.dev/drain']);
      const conditions = Object.fromEntries(
        found.status!.conditions!.map(({ type, status }) => [type, status]),
      );
      expect(conditions).to.deep.equal({
        Ready: 'False',
        TopicsReady: 'True',
        Listening: 'False',
        Delivering: 'False',
        ZoneRedundant: 'False',
      });
      expect(
        await cluster.kubectl(
          'get',
          'iflow',
          'phw-to-mpi',
          '-n',
          ns,
          '-o',
          'jsonpath={.status.endpoints[0].host}',
        ),
      ).to.equal('phw-to-mpi-listener.hospital.svc');
    });

    it('events that kubectl describe shows', async () => {
      const text = await cluster.kubectl('describe', 'iflow', 'phw-to-mpi', '-n', ns);
      expect(text).to.match(/TopicsChanged.*ihub\.hospital\.phw-to-mpi\.received created: 1 partitions/);
    });

    it('and nothing more: at rest it writes nothing', async function () {
      if (cluster.api === undefined) this.skip();
      await cluster.atRest();
      const since = new Date();
      await sleep(60_000);
      expect(await cluster.writes(since)).to.deep.equal([]);
    });

    const listener = 'phw-to-mpi-listener';
    const merge = (kind: string, patch: object) => (): Promise<string> =>
      cluster.kubectl('patch', kind, listener, '-n', ns, '--type=merge', '-p', JSON.stringify(patch));
    const edits: [string, string, () => Promise<string>][] = [
      [
        'an image',
        'Deployment',
        () => cluster.kubectl('set', 'image', `deployment/${listener}`, 'listener=other:1', '-n', ns),
      ],
      [
        'replicas',
        'Deployment',
        () => cluster.kubectl('scale', `deployment/${listener}`, '--replicas=0', '-n', ns),
      ],
      ['a configuration', 'ConfigMap', merge('configmap', { data: { 'worker.json': '{}' } })],
      [
        'a selector',
        'Service',
        merge('service', { spec: { selector: { 'app.kubernetes.io/instance': 'x' } } }),
      ],
      ['a budget', 'PodDisruptionBudget', merge('pdb', { spec: { maxUnavailable: 2 } })],
      ['a policy', 'NetworkPolicy', merge('networkpolicy', { spec: { egress: [{}] } })],
      ['an account', 'ServiceAccount', merge('serviceaccount', { automountServiceAccountToken: true })],
      [
        'the label it is known by',
        'Service',
        merge('service', { metadata: { labels: { 'app.kubernetes.io/managed-by': 'x' } } }),
      ],
      ['the owner', 'Deployment', merge('deployment', { metadata: { ownerReferences: null } })],
    ];
    for (const [what, kind, edit] of edits) {
      it(`repairs ${what} that was edited (${kind})`, async () => {
        const shape = async (): Promise<string> => {
          const { spec, data, metadata, ...rest } = (await cluster.get(kind, ns, listener))!;
          const { automountServiceAccountToken } = rest as { automountServiceAccountToken?: boolean };
          return JSON.stringify([
            spec,
            data,
            metadata.labels,
            (metadata as { ownerReferences?: unknown }).ownerReferences,
            automountServiceAccountToken,
          ]);
        };
        const before = await shape();
        const writes = (): number =>
          operator.lines.filter(
            (line) => line.message === 'written' && line.kind === kind && line.name === listener,
          ).length;
        const formerly = writes();
        await edit();
        const isRepaired = async (): Promise<boolean> => writes() > formerly && (await shape()) === before;
        await until('it is repaired', isRepaired, repairMs);
      });
    }

    for (const kind of [...perStage, 'Service']) {
      it(`makes a deleted ${kind} anew`, async () => {
        const { uid } = (await cluster.get(kind, ns, listener))!.metadata;
        await cluster.kubectl('delete', kind, listener, '-n', ns, '--wait=false');
        const isNew = async (): Promise<boolean> => {
          const found = await cluster.get(kind, ns, listener);
          return (
            found !== undefined &&
            found.metadata.uid !== uid &&
            found.metadata.deletionTimestamp === undefined
          );
        };
        await until('it is there again', isNew, repairMs);
      });
    }

    it('leaves what others add alone', async () => {
      await cluster.kubectl('annotate', 'deployment', listener, '-n', ns, 'argocd.argoproj.io/tracking-id=x');
      await cluster.kubectl('label', 'deployment', listener, '-n', ns, 'team=x');
      await sleep(2_000);
      const { metadata } = (await cluster.get('Deployment', ns, listener))!;
      expect(metadata.annotations).to.include({ 'argocd.argoproj.io/tracking-id': 'x' });
      expect(metadata.labels).to.include({ team: 'x' });
    });

    it('leaves the number of workers to an autoscaler, and takes it back when that goes', async () => {
      const stage = 'paris-to-mpi-listener';
      const replicas = async (): Promise<unknown> =>
        (await cluster.get('Deployment', ns, stage))!.spec.replicas;
      await cluster.apply({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'paris', namespace: ns },
        spec: { maxReplicas: 9, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: stage } },
      });
      await sleep(1_000);
      expect(await replicas()).to.equal(2);
      await cluster.kubectl('scale', `deployment/${stage}`, '--replicas=7', '-n', ns);
      // Something else is repaired meanwhile.
      await cluster.kubectl('set', 'image', `deployment/${stage}`, 'listener=other:1', '-n', ns);
      const image = async (): Promise<boolean> =>
        JSON.stringify((await cluster.get('Deployment', ns, stage))!.spec).includes('ihub:test');
      await until('the image is repaired', image, repairMs);
      expect(await replicas()).to.equal(7);
      await cluster.kubectl('delete', 'hpa', 'paris', '-n', ns);
      await until('the replicas are repaired', async () => (await replicas()) === 2, repairMs);
    });

    it('is Ready and zone-redundant as its pods are', async () => {
      const stages = ['phw-to-mpi-listener', 'phw-to-mpi-transformer', 'mpi-sender'];
      for (const stage of stages) await cluster.readyPod(ns, stage, 'zone-a');
      await cluster.kubectl('wait', '--for=condition=Ready', 'iflow/phw-to-mpi', '-n', ns, '--timeout=120s');
      const zones = async (): Promise<string | undefined> =>
        (await cluster.get('IntegrationFlow', ns, 'phw-to-mpi'))!.status?.zones;
      await until('one zone of two', async () => (await zones()) === '1/2', repairMs);
      for (const stage of stages) await cluster.readyPod(ns, stage, 'zone-b');
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw-to-mpi'], 'ZoneRedundant', 'AllZones');
      expect(await zones()).to.equal('2/2');
      await cluster.kubectl('delete', 'pod', 'mpi-sender-zone-b', '-n', ns, '--force', '--grace-period=0');
      const lost = await cluster.awaitReason(
        ['IntegrationFlow', ns, 'phw-to-mpi'],
        'ZoneRedundant',
        'ZoneMissing',
      );
      expect(lost.message).to.equal('mpi-sender has no ready worker in zone-b.');
      expect(await zones()).to.equal('1/2');
    });

    it('says why a worker does not start', async () => {
      const name = 'wds-to-mpi-listener-zone-a';
      await cluster.readyPod(ns, 'wds-to-mpi-listener', 'zone-a');
      await cluster.awaitReason(['IntegrationFlow', ns, 'wds-to-mpi'], 'Listening', 'Listening');
      const waiting = {
        name: 'listener',
        ready: false,
        restartCount: 3,
        image: 'x',
        imageID: '',
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 2 } },
      };
      const status = { conditions: [{ type: 'Ready', status: 'False' }], containerStatuses: [waiting] };
      await cluster.kubectl(
        'patch',
        'pod',
        name,
        '-n',
        ns,
        '--subresource=status',
        '--type=merge',
        '-p',
        JSON.stringify({ status }),
      );
      const failing = await cluster.awaitReason(
        ['IntegrationFlow', ns, 'wds-to-mpi'],
        'Listening',
        'WorkersFail',
      );
      expect(failing.message).to.match(/CrashLoopBackOff; it ended with exit code 2/);
    });

    it('rolls the pods of a flow whose configuration changes', async () => {
      const hash = async (): Promise<unknown> => {
        const { template } = (await cluster.get('Deployment', ns, listener))!.spec as {
          template: { metadata: { annotations: Record<string, string> } };
        };
        return template.metadata.annotations['integrationhub.dev/configuration-hash'];
      };
      const before = await hash();
      const spec = { listener: { maxMessageSize: '2Mi' } };
      await cluster.kubectl(
        'patch',
        'iflow',
        'phw-to-mpi',
        '-n',
        ns,
        '--type=merge',
        '-p',
        JSON.stringify({ spec }),
      );
      await until('it has another hash', async () => (await hash()) !== before, repairMs);
    });

    it('takes away a stage that is no longer planned, and a Service’s stage keeps its Service', async () => {
      const spec = { transformer: null };
      await cluster.kubectl(
        'patch',
        'iflow',
        'pims-to-mpi',
        '-n',
        ns,
        '--type=merge',
        '-p',
        JSON.stringify({ spec }),
      );
      for (const kind of perStage) {
        await until(
          `the transformer’s ${kind} is gone`,
          async () => !(await exists(kind, ns, 'pims-to-mpi-transformer')),
          20_000,
        );
      }
      expect(await exists('Service', ns, 'pims-to-mpi-listener')).to.equal(true);
    });
  });

  describe('says what is wrong, while everything else goes on', () => {
    const ns = 'trouble';
    before(async () => {
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'first', { port: 2575 }));
      await ready(ns, 'first', 'WorkersStarting');
    });

    it('two flows on one port', async () => {
      await cluster.apply(flow(ns, 'second', { port: 2575 }));
      const { message } = await ready(ns, 'second', 'PortTaken');
      expect(message).to.match(/2575 is already the port of the flow first; choose another/);
      expect(await cluster.kubectl('describe', 'iflow', 'second', '-n', ns)).to.match(/Warning.*PortTaken/);
      expect(await exists('Deployment', ns, 'second-listener')).to.equal(false);
      await cluster.apply(flow(ns, 'second', { port: 2576 }));
      await ready(ns, 'second', 'WorkersStarting');
    });

    it('a missing destination, until it is there', async () => {
      await cluster.apply(flow(ns, 'third', { port: 2577, destinations: ['later'] }));
      expect((await ready(ns, 'third', 'MissingDestination')).message).to.match(/"later" is no Destination/);
      await cluster.apply(destination(ns, 'later'));
      await ready(ns, 'third', 'WorkersStarting');
      expect(await exists('Deployment', ns, 'later-sender')).to.equal(true);
    });

    it('a bad mapping; what ran goes on', async () => {
      await cluster.apply(flow(ns, 'third', { port: 2577, destinations: ['later'], mapping: 'nowhere' }));
      expect((await ready(ns, 'third', 'BadConfiguration')).message).to.match(/nowhere/);
      expect(await exists('Deployment', ns, 'third-listener')).to.equal(true);
    });

    it('a Kafka that can’t be reached; no worker starts before its topics', async () => {
      await cluster.hub('kafkaless', ['127.0.0.1:1']);
      await cluster.apply(destination('kafkaless', 'mpi'), flow('kafkaless', 'lonely', { port: 2575 }));
      expect((await ready('kafkaless', 'lonely', 'KafkaUnreachable', 40_000)).message).to.match(
        /127\.0\.0\.1:1/,
      );
      await cluster.awaitReason(['Hub', 'kafkaless', 'hub'], 'KafkaReachable', 'KafkaUnreachable');
      expect(await exists('Deployment', 'kafkaless', 'lonely-listener')).to.equal(false);
      // Others are not kept waiting by it.
      await cluster.apply(flow(ns, 'fourth', { port: 2580 }));
      await ready(ns, 'fourth', 'WorkersStarting');
      await cluster.hub('kafkaless');
      await ready('kafkaless', 'lonely', 'WorkersStarting', 30_000);
    });

    describe('a Kafka that asks for certificates', () => {
      const own = ofSecrets;
      const authority = new TestAuthority();
      const hub = ['Hub', own, 'hub'] as const;
      let broker: EmbeddedBroker;

      before(async () => {
        const { cert: certificate, key } = authority.issue('broker');
        broker = await EmbeddedBroker.start({
          dataDirectory: join(cluster.directory, 'secured-kafka'),
          logFile: join(cluster.directory, 'secured-kafka.log'),
          secured: { certificate, key, clientAuthorities: authority.ca },
        });
        await allowUsers(broker.bootstrapServers, authorizedUsers());
      });
      after(() => broker.stop());

      const secret = (name: string, stringData: Record<string, string>): Promise<void> =>
        cluster.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: own }, stringData });
      const reachable = async (reason: string): Promise<string> =>
        (await cluster.awaitReason(hub, 'KafkaReachable', reason, 90_000)).message;

      it('and Secrets that the operator may not read, are missing, or lack a key', async () => {
        await cluster.hub(own, broker.sslServers, {
          caSecretName: 'kafka-ca',
          certificateSecretName: 'ihub-workers',
          operatorCertificateSecretName: 'ihub-operator',
        });
        await cluster.apply(destination(own, 'mpi'), flow(own, 'lonely', { port: 2575 }));
        expect(await reachable('SecretForbidden')).to.match(/Secret kafka-ca in secured.*by a Role/);

        const names = ['kafka-ca', 'ihub-operator'].map((name) => `--resource-name=${name}`);
        const account = `--serviceaccount=${operatorNamespace}:integration-hub-operator`;
        const rule = ['--verb=get', '--resource=secrets', ...names];
        await cluster.kubectl('create', 'role', 'ihub-kafka', '-n', own, ...rule);
        await cluster.kubectl('create', 'rolebinding', 'ihub-kafka', '-n', own, '--role=ihub-kafka', account);
        expect(await reachable('SecretMissing')).to.match(/Secret kafka-ca in secured.*is not there/);

        await secret('kafka-ca', { 'ca.p12': 'something else' });
        expect(await reachable('SecretUnusable')).to.match(/kafka-ca in secured has no ca\.crt.*ca\.p12/);
        expect(await exists('Deployment', own, 'lonely-listener')).to.equal(false);
      });

      it('and a certificate that its brokers do not take', async () => {
        const { cert, key } = new TestAuthority().issue('ihub-operator');
        await secret('ihub-operator', { 'user.crt': cert, 'user.key': key });
        await secret('kafka-ca', { 'ca.crt': authority.ca });
        expect(await reachable('CertificateRefused')).to.match(/refuses the certificate that is shown/);
      });

      it('until all is right; then workers are given theirs, and not the operator’s', async () => {
        const { cert, key } = authority.issue('ihub-operator');
        await secret('ihub-operator', { 'user.crt': cert, 'user.key': key });
        await reachable('KafkaReachable');
        await ready(own, 'lonely', 'WorkersStarting', 60_000);
        for (const stage of ['lonely-listener', 'mpi-sender']) {
          const { spec } = (await cluster.get('Deployment', own, stage))!;
          const { template } = spec as {
            template: { spec: { volumes: { secret?: { secretName: string } }[] } };
          };
          const mounted = template.spec.volumes.flatMap((volume) => volume.secret?.secretName ?? []);
          expect(mounted, stage).to.have.members(['kafka-ca', 'ihub-workers']);
        }
      });
    });

    it('topics that Kafka won’t make', async () => {
      await cluster.hub('greedy');
      await cluster.kubectl(
        'patch',
        'hub',
        'hub',
        '-n',
        'greedy',
        '--type=merge',
        '-p',
        '{"spec":{"kafka":{"replicationFactor":3,"minInsyncReplicas":2}}}',
      );
      await cluster.apply(destination('greedy', 'mpi'), flow('greedy', 'wide', { port: 2575 }));
      expect((await ready('greedy', 'wide', 'TopicFailed', 40_000)).message).to.match(/replication.factor/i);
    });

    it('an object that the cluster refuses', async () => {
      const nodePort = (port: number): object => ({
        listener: { mllp: { port }, service: { type: 'NodePort', nodePort: 31_575 } },
      });
      await cluster.apply(flow(ns, 'outside', { port: 2581, spec: nodePort(2581) }));
      await ready(ns, 'outside', 'WorkersStarting');
      await cluster.apply(flow(ns, 'outside-too', { port: 2582, spec: nodePort(2582) }));
      expect((await ready(ns, 'outside-too', 'ObjectRefused')).message).to.match(/31575.*already allocated/);
      await cluster.kubectl('delete', 'iflow', 'outside', '-n', ns);
      await ready(ns, 'outside-too', 'WorkersStarting', 30_000);
    });

    it('no Hub', async () => {
      await cluster.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hubless' } },
        destination('hubless', 'mpi'),
        flow('hubless', 'early', { port: 2575 }),
      );
      await ready('hubless', 'early', 'MissingHub');
      await cluster.hub('hubless');
      await ready('hubless', 'early', 'WorkersStarting');
    });

    it('a replay where there is no archive', async () => {
      const spec = { selection: { flow: 'first' }, reason: 'INC-4711', requestedBy: 'siân' };
      await cluster.apply({
        apiVersion,
        kind: 'MessageReplay',
        metadata: { name: 'again', namespace: ns },
        spec,
      });
      const { message } = await cluster.awaitReason(['MessageReplay', ns, 'again'], 'Complete', 'NoArchive');
      expect(message).to.match(/no sound Hub with an archive/);
    });

    it('a pause: nothing is repaired until it ends', async () => {
      await cluster.kubectl('annotate', 'iflow', 'first', '-n', ns, 'integrationhub.dev/paused=true');
      await cluster.awaitReason(['IntegrationFlow', ns, 'first'], 'Paused', 'Annotated');
      await cluster.kubectl('delete', 'service', 'first-listener', '-n', ns);
      await sleep(3_000);
      expect(await exists('Service', ns, 'first-listener')).to.equal(false);
      await cluster.kubectl('annotate', 'iflow', 'first', '-n', ns, 'integrationhub.dev/paused-');
      await until('it is there again', () => exists('Service', ns, 'first-listener'), repairMs);
      await until(
        'its condition is gone',
        async () => (await cluster.condition('IntegrationFlow', ns, 'first', 'Paused')) === undefined,
        repairMs,
      );
    });
  });

  describe('has alerts watched', () => {
    const ns = 'watched';
    const rules = 'phw-flow-alerts';
    const age = async (): Promise<string | undefined> => {
      const found = await cluster.get('PrometheusRule', ns, rules);
      const { groups = [] } = (found?.spec ?? {}) as { groups?: { rules: Record<string, string>[] }[] };
      const rule = groups
        .flatMap((group) => group.rules)
        .find(({ alert }) => alert === 'IntegrationHubBacklogAge');
      return rule && /> ([0-9]+)$/.exec(rule.expr!)![1];
    };
    /** As the console does. */
    const override = (value: object): Promise<string> =>
      cluster.kubectl(
        ...['annotate', 'iflow', 'phw', '-n', ns, '--overwrite', '--field-manager', alertOverrideManager],
        `${alertOverrideAnnotation}=${JSON.stringify({ by: 'Ann', why: 'migration', ...value })}`,
      );
    const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

    before(async () => {
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'phw', { port: 2575, mapping: 'phw' }));
      await ready(ns, 'phw', 'WorkersStarting', 40_000);
      await cluster.apply(prometheusRules);
    });

    it('as soon as the cluster knows alert rules', async () => {
      await until('there are rules', async () => (await age()) === '900', 60_000);
      for (const name of ['mpi-destination-alerts', 'hub-hub-alerts']) {
        await until(`${name} is there`, () => exists('PrometheusRule', ns, name), 20_000);
      }
      const { metadata } = (await cluster.get('PrometheusRule', ns, rules))!;
      expect(metadata).to.have.nested.property('ownerReferences[0].kind', 'IntegrationFlow');
      await cluster.atRest();
    });

    it('repairs rules that were edited or deleted', async () => {
      await cluster.kubectl(
        ...['patch', 'prometheusrule', rules, '-n', ns, '--type=json', '-p'],
        JSON.stringify([{ op: 'replace', path: '/spec/groups/0/rules', value: [] }]),
      );
      await until('they are repaired', async () => (await age()) === '900', repairMs);
      await cluster.kubectl('delete', 'prometheusrule', rules, '-n', ns);
      await until('they are there again', async () => (await age()) === '900', repairMs);
    });

    it('by the Hub’s thresholds, the flow’s, and for a time by those of an annotation', async () => {
      await cluster.kubectl(
        ...['patch', 'hub', 'hub', '-n', ns, '--type=merge', '-p'],
        JSON.stringify({ spec: { alerts: { backlogAge: { above: '20m' } } } }),
      );
      await until('the Hub’s hold', async () => (await age()) === '1200', repairMs);
      await cluster.kubectl(
        ...['patch', 'iflow', 'phw', '-n', ns, '--type=merge', '-p'],
        JSON.stringify({ spec: { alerts: { backlogAge: { above: '30m' } } } }),
      );
      await until('the flow’s hold', async () => (await age()) === '1800', repairMs);
      const end = Date.now() + 15_000;
      await override({ until: soon(15_000), thresholds: { backlogAge: { above: '2h' } } });
      await until('the tuned ones hold', async () => (await age()) === '7200', repairMs);
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Alerting', 'Tuned');
      await until('that ends by itself', async () => (await age()) === '1800', 30_000);
      expect(Date.now()).to.be.at.least(end);
      // Status is written after the rules.
      await until(
        'its condition is gone',
        async () => (await cluster.condition('IntegrationFlow', ns, 'phw', 'Alerting')) === undefined,
        repairMs,
      );
    });

    it('not while they are silenced, nor where they are turned off', async () => {
      await override({ until: soon(3_600_000), silence: true });
      await until('there are none', async () => !(await exists('PrometheusRule', ns, rules)), repairMs);
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Alerting', 'Silenced');
      await override({ until: 'tomorrow', silence: true });
      const { message } = await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Alerting', 'Invalid');
      expect(message).to.contain('until must be a time such as 2026-12-24T18:00:00Z');
      await until('there are some again', async () => (await age()) === '1800', repairMs);
      await cluster.kubectl('annotate', 'iflow', 'phw', '-n', ns, `${alertOverrideAnnotation}-`);
    });
  });

  describe('lets the console silence alarms', () => {
    const ns = 'nightshift';
    const rules = 'phw-flow-alerts';
    const overrides = async (): Promise<AlertOverride[] | undefined> => {
      const found = await cluster.get('IntegrationFlow', ns, 'phw');
      const value = found?.metadata.annotations?.[alertOverrideAnnotation];
      return value === undefined ? undefined : (JSON.parse(value) as AlertOverride[]);
    };
    const isWatched = async (alert: string): Promise<boolean> =>
      JSON.stringify((await cluster.get('PrometheusRule', ns, rules))?.spec).includes(alert);
    const soon = (): string => new Date(Date.now() + 3_600_000).toISOString();
    let program: OperatorConsole;
    let console: ConsoleSession;

    before(async () => {
      await cluster.apply(prometheusRules);
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'phw', { port: 2575, mapping: 'phw' }));
      await cluster.kubectl(
        ...['patch', 'hub', 'hub', '-n', ns, '--type=merge', '-p'],
        JSON.stringify({ spec: { console: {} } }),
      );
      await until('its binding is there', () => exists('RoleBinding', ns, 'console'), 40_000);
      await until('its Deployment is there', () => exists('Deployment', ns, 'console'), 40_000);
      await until('there are rules', () => isWatched('IntegrationHubBacklogAge'), 60_000);
      program = await OperatorConsole.start(cluster, ns, await freePort());
      console = program.session;
    });
    after(() => program.stop());

    it('by the annotation of the resource, and nothing else of it', async () => {
      const before = (await cluster.get('IntegrationFlow', ns, 'phw'))!;
      const by = { until: soon(), by: 'Ann', why: 'on the phone' };
      const annotation = JSON.stringify({ ...by, silence: ['deadLetters'] });
      await cluster.kubectl('annotate', 'iflow', 'phw', '-n', ns, `${alertOverrideAnnotation}=${annotation}`);
      const body = { until: soon(), why: 'the MPI is moved' };
      const answer = await console.post('/api/alarms/IntegrationFlow.phw.backlogAge/silence', body);
      expect(answer).to.have.property('overrides');
      await until('its rule is gone', async () => !(await isWatched('BacklogAge')), repairMs);
      expect(await isWatched('BacklogSize')).to.equal(true);
      await cluster.awaitReason(['IntegrationFlow', ns, 'phw'], 'Alerting', 'Silenced');
      const [ann, own] = (await overrides())!;
      expect(ann).to.deep.equal({ ...by, silence: ['deadLetters'] });
      expect(own).to.deep.include({ ...body, silence: ['backlogAge'] });
      const { spec, metadata } = (await cluster.get('IntegrationFlow', ns, 'phw'))!;
      const left = Object.fromEntries(
        Object.entries(metadata.annotations!).filter(([name]) => name !== alertOverrideAnnotation),
      );
      expect([spec, left, metadata.finalizers]).to.deep.equal([
        before.spec,
        before.metadata.annotations ?? {},
        before.metadata.finalizers,
      ]);
    });

    it('and ends what anybody has said', async () => {
      const [ann, own] = (await console.alarms()).overrides.sort((a, b) => (a.by < b.by ? -1 : 1));
      expect([ann!.by, own!.alerts]).to.deep.equal(['Ann', ['backlogAge']]);
      await console.post(`/api/alarm-overrides/${own!.id}/end`, { why: 'it is done' });
      await until('its rule is back', () => isWatched('BacklogAge'), repairMs);
      await console.post(`/api/alarm-overrides/${ann!.id}/end`, { why: 'it is done' });
      expect(await overrides()).to.equal(undefined);
      expect((await console.alarms()).overrides).to.deep.equal([]);
      await until(
        'Alerting is gone',
        async () => {
          return (await cluster.condition('IntegrationFlow', ns, 'phw', 'Alerting')) === undefined;
        },
        repairMs,
      );
    });

    it('also at once, of the Hub and its destinations, whatever the operator writes meanwhile', async () => {
      const body = { until: soon(), why: 'all is moved' };
      const subjects = ['Hub.hub.notReady', 'Destination.mpi.notReady', 'Destination.mpi.backlogAge'];
      await Promise.all(subjects.map((id) => console.post(`/api/alarms/${id}/silence`, body)));
      const silenced = (await console.alarms()).overrides.map(({ of, alerts }) =>
        [of.name, ...alerts].join(),
      );
      expect(silenced.sort()).to.deep.equal(['hub,notReady', 'mpi,backlogAge', 'mpi,notReady']);
      await cluster.awaitReason(['Hub', ns, 'hub'], 'Alerting', 'Silenced');
      await cluster.awaitReason(['Destination', ns, 'mpi'], 'Alerting', 'Silenced');
    });

    it('with a Role that allows nothing else', async () => {
      const account = `system:serviceaccount:${ns}:console`;
      const list = ['auth', 'can-i', '--list', '--no-headers', `--as=${account}`, '-n'];
      const [own, elsewhere] = await Promise.all(
        [ns, 'hospital'].map(async (namespace) =>
          (await cluster.kubectl(...list, namespace))
            .split('\n')
            .filter((line) => line.includes('integrationhub')),
        ),
      );
      const rows = ['destinations', 'hubs', 'integrationflows'].map((plural) => [
        `${plural}.integrationhub.dev`,
        '[get patch]',
      ]);
      expect(own!.map((line) => line.split(/ +\[\] +\[\] +/)).sort()).to.deep.equal(rows);
      expect(elsewhere).to.deep.equal([]);
      expect(await cluster.kubectl(...list, ns)).not.to.match(/secrets|configmaps|pods|deployments/);
    });

    it('and says who must help where it has none, until that is repaired', async () => {
      const pause = 'integrationhub.dev/paused';
      await cluster.kubectl('annotate', 'hub', 'hub', '-n', ns, `${pause}=true`);
      await cluster.awaitReason(['Hub', ns, 'hub'], 'Paused', 'Annotated');
      await cluster.kubectl('delete', 'role,rolebinding', 'console', '-n', ns);
      const body = { until: soon(), why: 'try it' };
      const silence = (): Promise<Alarms | Problem> =>
        console.post('/api/alarms/IntegrationFlow.phw.backlogAge/silence', body);
      const isRefused = async (): Promise<boolean> => {
        const answer = await silence();
        return 'code' in answer && answer.code === 'CLUSTER_REFUSED';
      };
      await until('it is refused', isRefused, 20_000);
      await cluster.kubectl('annotate', 'hub', 'hub', '-n', ns, `${pause}-`);
      await until('it may again', async () => !(await isRefused()), 20_000);
    });

    it('as long as the Hub has a console', async () => {
      await cluster.kubectl(
        ...['patch', 'hub', 'hub', '-n', ns, '--type=json', '-p'],
        JSON.stringify([{ op: 'remove', path: '/spec/console' }]),
      );
      for (const kind of ['Role', 'RoleBinding', 'ServiceAccount', 'Deployment']) {
        await until(`the ${kind} is gone`, async () => !(await exists(kind, ns, 'console')), 20_000);
      }
    });
  });

  describe('deletes', () => {
    const ns = 'farewell';
    const workers: WorkerProcess[] = [];
    let receiver: MockReceiver;
    let journal: Journal;

    /** Runs a stage as its pod would, with what the operator wrote for it. */
    const run = async (stage: string): Promise<WorkerProcess> => {
      const { data } = (await cluster.get('ConfigMap', ns, stage))!;
      const read = JSON.parse(data!['worker.json']!) as WorkerConfiguration;
      const health = { host: '127.0.0.1', tcpPort: 0, httpPort: 0 };
      const configuration = { ...read, health };
      const { role } = configuration;
      const whole: Stage = { name: stage, role, owner: '', replicas: 1, ports: [], configuration };
      const worker = new WorkerProcess(whole, join(cluster.directory, 'workers'));
      workers.push(worker);
      await worker.start();
      await until(`${stage} runs`, () => worker.state === 'running', 30_000);
      return worker;
    };

    before(async () => {
      receiver = new MockReceiver(
        { host: '127.0.0.1', port: 0, reply: 'AA', delayMs: 0 },
        { message: () => undefined },
      );
      const port = await receiver.start();
      journal = new Journal();
      await cluster.hub(ns);
      const retry = { initial: '100ms', max: '500ms' };
      await cluster.apply(
        destination(ns, 'mpi', {
          mllp: { host: '127.0.0.1', port },
          retry,
          drainTimeout: '20s',
          deletionPolicy: 'Delete',
        }),
        destination(ns, 'away', { drainTimeout: '5s' }),
      );
    });
    after(async () => {
      await Promise.all(workers.map((worker) => worker.stop()));
      await receiver.stop();
    });

    const gone = (kind: string, name: string, withinMs: number): Promise<void> =>
      until(`${kind}/${name} is gone`, async () => !(await exists(kind, ns, name)), withinMs);

    it('a flow once its messages are delivered, and keeps its topics', async () => {
      await cluster.apply(flow(ns, 'phw', { port: 24_575, mapping: 'phw', spec: { drainTimeout: '60s' } }));
      await ready(ns, 'phw', 'WorkersStarting');
      await until('the sender is planned', () => exists('Deployment', ns, 'mpi-sender'), repairMs);
      const listener = await run('phw-listener');
      const hospital = new Hospital({ name: 'phw', port: 24_575, journal, template: samples.phw });
      await hospital.send(20);
      hospital.close();
      // Its pod holds the flow as long as it is there.
      const pod = await cluster.readyPod(ns, 'phw-listener', 'zone-a');
      await cluster.kubectl('delete', 'iflow', 'phw', '-n', ns, '--wait=false');
      await gone('Deployment', 'phw-listener', repairMs);
      await gone('Service', 'phw-listener', repairMs);
      expect((await ready(ns, 'phw', 'Draining')).message).to.match(/the listeners finish what they took/);
      await listener.stop();
      await cluster.kubectl('delete', 'pod', pod, '-n', ns, '--force', '--grace-period=0');
      // 20 messages wait for the transformer, and then for the sender.
      await until(
        'it waits for the transformer',
        async () => /phw\.received wait/.test((await ready(ns, 'phw', 'Draining')).message),
        10_000,
      );
      expect(await exists('Deployment', ns, 'phw-transformer')).to.equal(true);
      await run('phw-transformer');
      await until(
        'it waits for the sender',
        async () => /mpi\.outbound wait/.test((await ready(ns, 'phw', 'Draining')).message),
        20_000,
      );
      await run('mpi-sender');
      await gone('IntegrationFlow', 'phw', 30_000);
      for (const kind of ['Deployment', 'ConfigMap']) await gone(kind, 'phw-transformer', repairMs);
      const events = await cluster.kubectl('get', 'events', '-n', ns);
      expect(events).to.match(/Drained .*every message was delivered/);
      expect((await admin.endOffsets('ihub.farewell.phw.received')).get(0)).to.equal(20n);
    });

    it('a destination when no flow names it any more, with its topics where it says so', async () => {
      await cluster.apply(flow(ns, 'last', { port: 24_576 }));
      await ready(ns, 'last', 'WorkersStarting');
      await cluster.kubectl('delete', 'destination', 'mpi', '-n', ns, '--wait=false');
      const { message } = await cluster.awaitReason(['Destination', ns, 'mpi'], 'Ready', 'InUse');
      expect(message).to.match(/last does/);
      expect(await exists('Deployment', ns, 'mpi-sender')).to.equal(true);
      await cluster.kubectl('delete', 'iflow', 'last', '-n', ns, '--wait=false');
      await gone('IntegrationFlow', 'last', 20_000);
      await gone('Destination', 'mpi', 30_000);
      await until(
        'its topic is gone',
        () =>
          admin.endOffsets('ihub.farewell.mpi.outbound').then(
            () => false,
            () => true,
          ),
        20_000,
      );
    });

    it('at the stated time where the destination is away, and keeps the topics', async () => {
      const spec = { drainTimeout: '6s', deletionPolicy: 'Delete' };
      await cluster.apply(flow(ns, 'stuck', { port: 24_577, destinations: ['away'], spec }));
      await ready(ns, 'stuck', 'WorkersStarting');
      const listener = await run('stuck-listener');
      const hospital = new Hospital({ name: 'stuck', port: 24_577, journal, template: samples.paris });
      await hospital.send(3);
      hospital.close();
      await listener.stop();
      const begunAt = Date.now();
      await cluster.kubectl('delete', 'iflow', 'stuck', '-n', ns, '--wait=false');
      await gone('IntegrationFlow', 'stuck', 25_000);
      expect(Date.now() - begunAt).to.be.within(4_500, 60_000);
      const events = await cluster.kubectl('get', 'events', '-n', ns);
      expect(events).to.match(
        /DrainTimedOut .*at most 3 are left in ihub\.farewell\.away\.outbound, and the topics are kept/,
      );
      const ends = [...(await admin.endOffsets('ihub.farewell.away.outbound')).values()];
      expect(ends.reduce((sum, end) => sum + end, 0n)).to.equal(3n);
      await admin.endOffsets('ihub.farewell.stuck.dead-letter');
      // The sender stays while there is something to send.
      expect(await exists('Deployment', ns, 'away-sender')).to.equal(true);
    });

    it('a flow that never ran, at once', async () => {
      await cluster.apply(flow(ns, 'never', { port: 24_578, destinations: ['nowhere'] }));
      await ready(ns, 'never', 'MissingDestination');
      await cluster.kubectl('delete', 'iflow', 'never', '-n', ns, '--wait=false');
      await gone('IntegrationFlow', 'never', repairMs);
    });
  });

  describe('holds out', () => {
    const ns = 'storm';
    let proxy: TroublesomeProxy;

    before(async function () {
      if (cluster.api === undefined) this.skip();
      await operator.stop();
      expect(operator.exitCode).to.equal(0);
      proxy = new TroublesomeProxy(cluster.api.url, await readFile(cluster.api.authority.own.certificate));
      const server = await proxy.start();
      operator = await cluster.operator(['--silence-ms', '3000'], server);
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'one', { port: 2575 }));
      await ready(ns, 'one', 'WorkersStarting', 40_000);
      await cluster.atRest();
    });
    after(() => proxy.stop());

    /** Deletes it, and resolves once there is another. A busy machine may take its time for the deletion itself. */
    const serviceIsMadeAnew = async (withinMs: number): Promise<void> => {
      const { uid } = (await cluster.get('Service', ns, 'one-listener'))!.metadata;
      await cluster.kubectl('delete', 'service', 'one-listener', '-n', ns);
      const isNew = async (): Promise<boolean> => {
        const found = await cluster.get('Service', ns, 'one-listener');
        return found !== undefined && found.metadata.uid !== uid;
      };
      await until('there is another Service', isNew, withinMs);
    };

    it('watches that are cut silently', async () => {
      // Quiet ones begin anew every three seconds, so seldom are all twelve there at once.
      await until('most are being watched', () => proxy.openExchanges >= 8, 30_000);
      proxy.fallSilent();
      await serviceIsMadeAnew(30_000);
      const { text } = await operator.get('/metrics');
      expect(text).to.match(
        /ihub_operator_watch_restarts_total\{resource="services",reason="Silent"\} [1-9]/,
      );
    });

    it('conflicts and “too many requests” for every second write', async () => {
      let [writes, refused] = [0, 0];
      proxy.refuse = ({ method, url }) => {
        if (method === 'GET' || url?.includes('/leases') === true) return undefined;
        writes += 1;
        if (writes % 2 === 1) return undefined;
        refused += 1;
        return refused % 2 === 1 ? 409 : 429;
      };
      await cluster.apply(
        ...[1, 2, 3, 4, 5].map((number) => flow(ns, `under-fire-${number}`, { port: 3000 + number })),
      );
      for (const number of [1, 2, 3, 4, 5])
        await ready(ns, `under-fire-${number}`, 'WorkersStarting', 60_000);
      proxy.refuse = () => undefined;
      expect(refused).to.be.at.least(10);
      expect(operator.exitCode).to.equal(null);
      await cluster.atRest();
    });

    it('lists that fail', async () => {
      let refused = 0;
      proxy.refuse = ({ method }) => (method === 'GET' && (refused += 1) <= 30 ? 503 : undefined);
      proxy.fallSilent();
      await serviceIsMadeAnew(30_000);
      proxy.refuse = () => undefined;
    });

    it('an API server that is started anew, and a history that is gone', async () => {
      const stoppedAt = new Date().toISOString();
      await cluster.api!.server.stop();
      await sleep(1_000);
      await cluster.api!.server.start();
      await cluster.rolesAreHeeded();
      restart = [stoppedAt, new Date().toISOString()];
      await cluster.api!.compact();
      await serviceIsMadeAnew(40_000);
      expect((await operator.get('/livez')).status).to.equal(200);
      await until('it is ready', async () => (await operator.get('/readyz')).status === 200, 10_000);
    });

    it('its leader’s death: the next works within 20 s, and the other waits warm', async () => {
      const next = await cluster.operator();
      await until('it is ready to lead', async () => (await next.get('/readyz')).status === 200, 20_000);
      expect(next.leads).to.equal(false);
      expect((await next.get('/metrics')).text).to.match(/ihub_operator_leader 0/);
      await operator.kill();
      const killedAt = Date.now();
      await until('the next leads', () => next.leads, 20_000);
      await serviceIsMadeAnew(20_000);
      // Not before the Lease has run out.
      expect(next.leadsSince! - killedAt).to.be.above(5_000);
      operator = next;
    });

    it('its leader’s sleep: it wakes deposed, and writes nothing', async () => {
      const next = await cluster.operator();
      operator.signal('SIGSTOP');
      await until('the next leads', () => next.leads, 30_000);
      operator.signal('SIGCONT');
      await until('the former has ended', () => operator.ends.length > 0, 60_000);
      expect(operator.ends.at(-1)).to.equal(1);
      await operator.kill();
      operator = next;
    });

    it('its leader’s good end: the next need not wait', async () => {
      const next = await cluster.operator();
      await until('it is ready to lead', async () => (await next.get('/readyz')).status === 200, 20_000);
      await operator.stop();
      const stoppedAt = Date.now();
      await until('the next leads', () => next.leads, 30_000);
      // Sooner than the Lease would have run out.
      expect(next.leadsSince! - stoppedAt).to.be.below(15_000);
      operator = next;
    });
  });

  // In a suite of its own, so that it comes after all others.
  describe('is modest', () => {
    it('has no permission that it does not use, and is refused none', async function () {
      if (cluster.api === undefined) this.skip();
      const name = 'integration-hub-operator';
      const roles = [
        await cluster.kubectl('get', 'clusterrole', name, '-o', 'json'),
        await cluster.kubectl('get', 'role', name, '-n', operatorNamespace, '-o', 'json'),
      ].map((text) => JSON.parse(text) as Role);
      const granted = new Set(
        roles.flatMap(({ rules = [] }) =>
          rules.flatMap(({ apiGroups, resources, verbs }) =>
            apiGroups.flatMap((group) =>
              resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource} ${group}`)),
            ),
          ),
        ),
      );
      const audited = await cluster.audited();
      // A namespace that is on its way out takes nothing new from anybody, whatever the permissions; and an API
      // server that has just been started knows of none yet.
      const refused = audited.filter(
        ({ objectRef, responseStatus, requestReceivedTimestamp: at }) =>
          responseStatus?.code === 403 &&
          !(objectRef?.resource === 'secrets' && objectRef.namespace === ofSecrets) &&
          !/being terminated/.test(responseStatus.message ?? '') &&
          !(restart !== undefined && at >= restart[0] && at <= restart[1]),
      );
      expect(
        refused.map(({ verb, objectRef, responseStatus, requestReceivedTimestamp }) =>
          [requestReceivedTimestamp, verb, objectRef?.resource, responseStatus?.message].join(' '),
        ),
      ).to.deep.equal([]);
      const lines = (await readFile(join(cluster.directory, 'audit.log'), 'utf8')).split('\n');
      // The Lease is left out of what is audited above.
      const leases = lines.filter(
        (line) =>
          line.includes(`${operatorNamespace}/leases`) &&
          line.includes(`${operatorNamespace}:integration-hub-operator`),
      );
      const used = new Set(
        [...audited, ...leases.map((line) => JSON.parse(line) as (typeof audited)[number])].map(
          ({ verb, objectRef }) => {
            const { resource = '', subresource, apiGroup = '' } = objectRef ?? {};
            return `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`} ${apiGroup}`;
          },
        ),
      );
      // What the console is given, which the operator must have itself, and does not use.
      const group = 'integrationhub.dev';
      for (const resource of ['hubs', 'integrationflows', 'destinations'])
        granted.delete(`get ${resource} ${group}`);
      granted.delete(`patch hubs ${group}`);
      // Server-side apply that makes an object is audited as a patch, and needs create all the same.
      const made = [...granted].filter(
        (one) => one.startsWith('create ') && used.has(one.replace('create', 'patch')),
      );
      expect([...granted].filter((one) => !used.has(one) && !made.includes(one))).to.deep.equal([]);
    });
  });
});

interface Role {
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}
