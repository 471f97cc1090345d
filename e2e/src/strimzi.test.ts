/** manifests/strimzi, held against what docs/two-zones.md promises of it and against what a hub asks of its Kafka. */
import { readdirSync, readFileSync } from 'node:fs';
import { plan, readResources, replaysTopic, type Topic } from '@integration-hub/api';
import { loadAllYaml } from '@kubernetes/client-node';
import { expect } from 'chai';

interface Rule {
  readonly resource: { readonly type: string; readonly name?: string; readonly patternType?: string };
  readonly operations: readonly string[];
}
interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly spec: {
    readonly replicas: number;
    readonly roles: readonly string[];
    readonly kafka: {
      readonly rack: { readonly topologyKey: string };
      readonly config: Record<string, string | number | boolean>;
    };
    readonly authorization: { readonly acls: readonly Rule[] };
    readonly storage: { readonly deleteClaim?: boolean; readonly volumes?: { deleteClaim: boolean }[] };
    readonly template: {
      readonly pod: {
        readonly affinity: {
          readonly nodeAffinity: {
            readonly requiredDuringSchedulingIgnoredDuringExecution: {
              readonly nodeSelectorTerms: {
                readonly matchExpressions: { readonly key: string; readonly values: string[] }[];
              }[];
            };
          };
        };
      };
    };
  };
}

const folder = (path: string): URL => new URL(`../../manifests/${path}/`, import.meta.url);
const read = (path: string): Resource[] =>
  readdirSync(folder(path))
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => loadAllYaml(readFileSync(new URL(name, folder(path)), 'utf8')) as Resource[]);

describe('manifests/strimzi', () => {
  const resources = read('strimzi/cluster');
  const kafka = resources.find(({ kind }) => kind === 'Kafka')!;
  const pools = resources.filter(({ kind }) => kind === 'KafkaNodePool');
  const zoneOf = ({ spec }: Resource): string => {
    const [term] =
      spec.template.pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
        .nodeSelectorTerms;
    const [expression] = term!.matchExpressions;
    expect(expression!.key).to.equal(kafka.spec.kafka.rack.topologyKey);
    return expression!.values.join();
  };
  const nodesByZone = (role: string): Record<string, number> =>
    Object.fromEntries(
      pools.filter(({ spec }) => spec.roles.includes(role)).map((pool) => [zoneOf(pool), pool.spec.replicas]),
    );

  /** Everything that a hub of two zones has, of every flow that is shipped, with a store and deduplication. */
  function shipped(): ReturnType<typeof plan> {
    const files = readdirSync(folder('flows')).filter((name) => /^[a-z].*\.yaml$/.test(name));
    const archive = 'archive: {postgres: {host: db, secretName: user}, keysSecretName: keys}';
    const text = [
      `apiVersion: integrationhub.dev/v1alpha1\nkind: Hub\nmetadata: {name: hub}\nspec: {kafka: {bootstrapServers: ["ihub-kafka-bootstrap.kafka:9092"]}, zones: [zone-a, zone-b], ${archive}}`,
      ...files.map((name) => readFileSync(new URL(name, folder('flows')), 'utf8')),
    ]
      .join('\n---\n')
      .replace(/(name: phw-to-mpi\nspec:\n)/, '$1  deduplication: {}\n');
    const { hubs, flows, destinations, problems } = readResources(text, 'hospital');
    expect(problems).to.deep.equal([]);
    return plan(hubs[0]!, flows, destinations);
  }

  it('has two brokers in each of two zones, and a controller in each and in a third place, all apart', () => {
    expect(nodesByZone('broker')).to.deep.equal({ 'zone-a': 2, 'zone-b': 2 });
    expect(nodesByZone('controller')).to.deep.equal({ 'zone-a': 1, 'zone-b': 1, 'zone-c': 1 });
    for (const { metadata, spec } of pools) {
      expect(spec.roles, metadata.name).to.have.length(1);
      expect(metadata.labels, metadata.name).to.include({ 'strimzi.io/cluster': kafka.metadata.name });
      for (const { deleteClaim } of spec.storage.volumes ?? [spec.storage])
        expect(deleteClaim, `${metadata.name}: its disks outlive it`).to.equal(false);
    }
  });

  it('keeps what is acknowledged in both zones, Kafka’s own topics included, as the hub’s topics ask', () => {
    const { config } = kafka.spec.kafka;
    const perZone = 2;
    for (const name of ['default', 'offsets.topic', 'transaction.state.log'])
      expect(config[`${name}.replication.factor`], name).to.equal(2 * perZone);
    for (const name of ['min.insync.replicas', 'transaction.state.log.min.isr'])
      expect(config[name], name)
        .to.be.greaterThan(perZone)
        .and.lessThan(2 * perZone);
    expect(config['unclean.leader.election.enable']).to.equal(false);
    expect(config['auto.create.topics.enable']).to.equal(false);
    for (const topic of shipped().topics) {
      expect(topic.replicationFactor, topic.name).to.equal(config['default.replication.factor']);
      expect(topic.config['min.insync.replicas'], topic.name).to.equal(String(config['min.insync.replicas']));
    }
    const retention = Number(shipped().topics[0]!.config['retention.ms']);
    expect(Number(config['offsets.retention.minutes']) * 60_000).to.be.at.least(retention);
  });

  it('lets each user do what it must to everything that a hub has', () => {
    const users = read('strimzi/authorized').filter(({ kind }) => kind === 'KafkaUser');
    const may = (user: string, operation: string, type: string, name: string): boolean =>
      users
        .find(({ metadata }) => metadata.name === user)!
        .spec.authorization.acls.some(
          ({ resource, operations }) =>
            resource.type === type &&
            operations.includes(operation) &&
            (resource.patternType === 'prefix'
              ? name.startsWith(resource.name!)
              : resource.name === undefined || resource.name === name),
        );
    const { topics, stages } = shipped();
    const names = topics.map(({ name }: Topic) => name);
    expect(names.some((name) => name.endsWith('.deduplication'))).to.equal(true);
    for (const name of names) {
      for (const operation of ['Read', 'Write', 'Describe'])
        expect(may('ihub-workers', operation, 'topic', name), `${operation} ${name}`).to.equal(true);
      for (const operation of ['Create', 'Alter', 'AlterConfigs', 'Delete', 'Write']) {
        expect(may('ihub-workers', operation, 'topic', name), name).to.equal(operation === 'Write');
        expect(may('ihub-operator', operation, 'topic', name), name).to.equal(operation !== 'Write');
      }
    }
    // Where it writes what MessageReplays ask for.
    expect(may('ihub-operator', 'Write', 'topic', replaysTopic('hospital'))).to.equal(true);
    for (const { configuration } of stages) {
      if (!('group' in configuration)) continue;
      expect(may('ihub-workers', 'Read', 'group', configuration.group)).to.equal(true);
      expect(may('ihub-operator', 'Describe', 'group', configuration.group)).to.equal(true);
      expect(may('ihub-operator', 'Read', 'group', configuration.group)).to.equal(false);
      expect(may('ihub-workers', 'Write', 'transactionalId', `${configuration.group}-0`)).to.equal(true);
    }
    for (const name of ['__consumer_offsets', '__transaction_state']) {
      expect(may('ihub-operator', 'AlterConfigs', 'topic', name)).to.equal(true);
      expect(may('ihub-operator', 'Read', 'topic', name)).to.equal(false);
      expect(may('ihub-workers', 'Read', 'topic', name)).to.equal(false);
    }
    expect(may('ihub-operator', 'DescribeConfigs', 'cluster', '')).to.equal(true);
    expect(may('ihub-support', 'Write', 'transactionalId', `${names[0]!}-handling`)).to.equal(true);
  });
});
