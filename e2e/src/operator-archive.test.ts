import {
  deadLetterTopic,
  eventsTopic,
  readReplayRequest,
  replaysTopic,
  replayStateKey,
  type ArchivistConfiguration,
  type ReplayRequest,
  type ReplayStateRecord,
} from '@integration-hub/api';
import { consumeBatches, GatheringProducer, TopicAdmin } from '@integration-hub/kafka';
import { expect } from 'chai';
import { samples } from './flows.js';
import { until } from './hub-under-test.js';
import { MarkedPatient, mentionsOf } from './marked-patients.js';
import { ClusterUnderTest, type OperatorUnderTest } from './operator-under-test.js';
import { OtlpReceiver } from './otlp-receiver.js';

const apiVersion = 'integrationhub.dev/v1alpha1';
const ns = 'archived';

describe('operator, of a Hub with an archive', function () {
  this.timeout(600_000);
  let cluster: ClusterUnderTest;
  let admin: TopicAdmin;
  let otlp: OtlpReceiver;
  let operator: OperatorUnderTest;

  async function hub(archive?: object): Promise<void> {
    const kafka = {
      bootstrapServers: cluster.broker.bootstrapServers,
      replicationFactor: 1,
      minInsyncReplicas: 1,
    };
    const metadata = { name: 'hub', namespace: ns };
    await cluster.apply({ apiVersion, kind: 'Hub', metadata, spec: { kafka, ...(archive && { archive }) } });
  }
  const archive = { postgres: { host: 'db', secretName: 'db-user' }, keysSecretName: 'keys' };
  const configurationOf = async (stage: string): Promise<Record<string, unknown> | undefined> => {
    const text = (await cluster.get('ConfigMap', ns, stage))?.data?.['worker.json'];
    return text === undefined ? undefined : (JSON.parse(text) as Record<string, unknown>);
  };

  before(async function () {
    // A new machine builds the API server first.
    this.timeout(1_500_000);
    cluster = await ClusterUnderTest.start();
    const connection = { bootstrapServers: cluster.broker.bootstrapServers, clientId: 'test' };
    admin = await TopicAdmin.connect({ connection });
    otlp = await OtlpReceiver.start();
    operator = await cluster.operator(['--status-every-ms', '2000'], undefined, {
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=hub',
    });
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } });
    await hub();
    const spec = { mllp: { host: '127.0.0.1', port: 1 } };
    await cluster.apply(
      { apiVersion, kind: 'Destination', metadata: { name: 'mpi', namespace: ns }, spec },
      ...['one', 'two'].map((name, index) => ({
        apiVersion,
        kind: 'IntegrationFlow',
        metadata: { name, namespace: ns },
        spec: {
          listener: { mllp: { port: 2575 + index } },
          destinations: [{ name: 'mpi' }],
          deletionPolicy: 'Delete',
        },
      })),
    );
    await cluster.awaitReason(['IntegrationFlow', ns, 'one'], 'Ready', 'WorkersStarting', 40_000);
    await cluster.awaitReason(['IntegrationFlow', ns, 'two'], 'Ready', 'WorkersStarting', 40_000);
  });
  after(async () => {
    await admin.close();
    await cluster.stop();
    await otlp.away();
  });

  it('traces the reconciles of the operator', async () => {
    const reconciled = (kind: string, name: string): boolean =>
      otlp.spans.some(
        ({ name: span, service, failed, attributes, parentSpanId }) =>
          span === 'reconcile' &&
          service === 'integration-hub-operator' &&
          parentSpanId === '' &&
          !failed &&
          attributes['ihub.kind'] === kind &&
          attributes['k8s.namespace.name'] === ns &&
          attributes['ihub.name'] === name,
      );
    await until(
      'each resource has been reconciled and traced',
      () =>
        reconciled('Hub', 'hub') && reconciled('IntegrationFlow', 'two') && reconciled('Destination', 'mpi'),
      30_000,
    );
    expect(otlp.headers[0]).to.include({ 'x-tenant': 'hub' });
  });

  it('runs an archivist that is given every topic, and has every stage tell events', async () => {
    expect(await cluster.get('Deployment', ns, 'archivist')).to.equal(undefined);
    expect((await configurationOf('one-listener'))!['eventsTopic']).to.equal(null);
    await hub(archive);
    const finding = await cluster.awaitReason(['Hub', ns, 'hub'], 'Archiving', 'WorkersStarting', 40_000);
    expect(finding.status).to.equal('False');
    const configuration = (await configurationOf('archivist')) as unknown as ArchivistConfiguration;
    expect(configuration.topics).to.have.members([
      eventsTopic(ns),
      replaysTopic(ns),
      `ihub.${ns}.mpi.outbound`,
      ...['one', 'two', 'mpi'].map((name) => deadLetterTopic(ns, name)),
    ]);
    expect((await admin.endOffsets(eventsTopic(ns))).size).to.equal(6);
    const deployment = (await cluster.get('Deployment', ns, 'archivist'))!;
    expect(deployment.metadata.labels).to.include({ 'integrationhub.dev/hub': 'hub' });
    await until(
      'the listener tells events',
      async () => (await configurationOf('one-listener'))!['eventsTopic'] === eventsTopic(ns),
      20_000,
    );
    await cluster.atRest();
  });

  it('says of the Hub that it archives once an archivist is ready', async () => {
    const labels = { 'topology.kubernetes.io/zone': 'zone-a' };
    await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-of-zone-a', labels } });
    await cluster.readyPod(ns, 'archivist', 'zone-a');
    await cluster.awaitReason(['Hub', ns, 'hub'], 'Archiving', 'Archiving');
  });

  it('asks the archivist for what a MessageReplay says, and reports what that tells', async () => {
    const spec = {
      selection: { flow: 'one', from: '2026-11-20T09:00:00Z' },
      reason: 'INC-4711',
      requestedBy: 'siân',
    };
    const metadata = { name: 'again', namespace: ns };
    const replay = (change: object): Promise<unknown> =>
      cluster.apply({ apiVersion, kind: 'MessageReplay', metadata, spec: { ...spec, ...change } });
    await replay({});
    const topic = replaysTopic(ns);
    const asked = async (): Promise<ReplayRequest | undefined> => {
      const records = await admin.readAll(topic);
      return records.map(({ value }) => readReplayRequest(value)).findLast((one) => one !== undefined);
    };
    await until('it is asked for', async () => (await asked()) !== undefined, 30_000);
    const { id } = (await asked())!;
    expect(await asked()).to.deep.include({ name: 'again', namespace: ns });
    await cluster.awaitReason(['MessageReplay', ns, 'again'], 'Complete', 'Pending', 30_000);
    const status = async (): Promise<unknown> => (await cluster.get('MessageReplay', ns, 'again'))!.status;
    expect(await status()).to.deep.include({ id, phase: 'Pending' });

    const connection = { bootstrapServers: cluster.broker.bootstrapServers, clientId: 'test' };
    const producer = new GatheringProducer({ connection });
    const tell = async (state: ReplayStateRecord['state'], done: number): Promise<void> => {
      const record = { version: 1, id, state, total: 10, done, leftOut: 0, error: '' };
      const value = Buffer.from(JSON.stringify(record));
      await producer.produce({ topic, key: replayStateKey(id), value, headers: {} });
    };
    await tell('running', 0);
    await cluster.awaitReason(['MessageReplay', ns, 'again'], 'Complete', 'Running', 30_000);
    await replay({ paused: true });
    await until('it is asked to wait', async () => (await asked())!.spec.paused, 30_000);
    await tell('completed', 10);
    await producer.close();
    await cluster.awaitReason(['MessageReplay', ns, 'again'], 'Complete', 'Completed', 30_000);
    const completed = { phase: 'Completed', id, total: 10, done: 10, leftOut: 0 };
    expect(await status()).to.deep.include(completed);

    const refusedFor = async (change: object): Promise<string> =>
      String(await replay(change).catch((error: unknown) => error));
    expect(await refusedFor({ reason: 'another' })).to.include('it is on record');
    expect(await refusedFor({ to: 'mpi' })).to.include('the list is made once');
    expect(await refusedFor({ of: 'mpi' })).to.include('needs stage Outbound');

    // Made again, as from Git after a disaster, it is the same replay, and is not sent again.
    const records = async (): Promise<number> => (await admin.readAll(topic)).length;
    const before = await records();
    await cluster.kubectl('delete', 'messagereplay', 'again', '-n', ns);
    await replay({ paused: true });
    await cluster.awaitReason(['MessageReplay', ns, 'again'], 'Complete', 'Completed', 30_000);
    expect(await status()).to.deep.include(completed);
    expect(await records()).to.equal(before);
  });

  it('keeps a flow that is deleted until the archivist has taken what is in its topics', async () => {
    const connection = { bootstrapServers: cluster.broker.bootstrapServers, clientId: 'test' };
    const producer = new GatheringProducer({ connection });
    const topic = deadLetterTopic(ns, 'one');
    const patient = new MarkedPatient();
    const value = patient.message(samples.phw, 'kept-1');
    await producer.produce({ topic, key: null, value, headers: {} });
    await producer.close();
    await cluster.kubectl('delete', 'iflow', 'one', 'two', '-n', ns, '--wait=false');
    const isGone = async (name: string): Promise<boolean> =>
      (await cluster.get('IntegrationFlow', ns, name)) === undefined;
    await until('the one whose topics are empty is gone', () => isGone('two'), 40_000);
    await until(
      'the other says what it waits for',
      async () => {
        const flow = await cluster.get('IntegrationFlow', ns, 'one');
        return JSON.stringify(flow?.status ?? {}).includes(`${topic} wait to be taken`);
      },
      40_000,
    );
    // It tells of messages, and of no patient.
    const kinds = 'iflow,destination,hub,messagereplay,events,configmaps,deployments,services';
    const told = new Map([
      ['what Kubernetes holds', await cluster.kubectl('get', kinds, '-n', ns, '-o', 'json')],
      ['the operator’s log', JSON.stringify(operator.lines)],
    ]);
    expect(told.get('what Kubernetes holds')).to.include(`${topic} wait to be taken`);
    expect(mentionsOf([patient], told)).to.deep.equal([]);
    const archivist = await consumeBatches({
      connection,
      groupId: `ihub.${ns}.archivist`,
      topics: [topic],
      onBatch: async (batch) => {
        await batch.commit(batch.records.at(-1)!.offset + 1n);
        batch.resolve(batch.records.at(-1)!.offset);
      },
      onFatal: () => undefined,
    });
    try {
      await until('it is gone', () => isGone('one'), 40_000);
    } finally {
      await archivist.stop();
    }
  });

  it('takes the archivist away with the archive', async () => {
    await hub();
    await until(
      'the archivist is gone',
      async () => (await cluster.get('Deployment', ns, 'archivist')) === undefined,
      20_000,
    );
    await until(
      'the Hub says nothing of it any more',
      async () => (await cluster.condition('Hub', ns, 'hub', 'Archiving')) === undefined,
      20_000,
    );
  });
});
