import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plan } from '@integration-hub/api';
import { expect } from 'chai';
import { parse } from 'yaml';
import { IhubProcess } from './ihub-process.js';

const resource = (kind: string, name: string, spec: string): string =>
  `apiVersion: integrationhub.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n---\n`;
const HUB = resource(
  'Hub',
  'hub',
  '{kafka: {bootstrapServers: ["kafka:9092"], retention: 36h}, zones: [a, b]}',
);
const MPI = resource(
  'Destination',
  'mpi',
  '{mllp: {host: mpi.example, port: 2576}, throttle: {messagesPerMinute: 60}}',
);
const FLOW = resource(
  'IntegrationFlow',
  'phw',
  '{listener: {mllp: {port: 2575}}, transformer: {mapping: {name: phw}}, destinations: [{name: mpi}]}',
);

describe('ihub plan', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-plan-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function plan(
    manifests: string,
    ...options: string[]
  ): Promise<{ ihub: IhubProcess; code: unknown }> {
    await writeFile(join(folder, 'manifests.yaml'), manifests);
    const ihub = new IhubProcess(['plan', '-f', folder, ...options]);
    return { ihub, code: await ihub.ended() };
  }

  it('shows the stages and topics of each resource', async () => {
    const { ihub, code } = await plan(HUB + MPI + FLOW);
    expect([code, ihub.stderr]).to.deep.equal([0, '']);
    expect(ihub.stdout.split('\n')).to.deep.equal([
      'Hub hub: Kafka kafka:9092, zones: a, b',
      '',
      'IntegrationFlow/phw',
      '  listener     phw-listener                  2 replicas     listens on port 2575, stores in ihub.default.phw.received',
      '  transformer  phw-transformer               2 replicas     mapping phw, writes for mpi',
      '  topic        ihub.default.phw.dead-letter  1 partition    4 copies, 3 in sync, kept 1.5 days',
      '  topic        ihub.default.phw.received     1 partition    4 copies, 3 in sync, kept 1.5 days',
      '',
      'Destination/mpi',
      '  sender       mpi-sender                    2 replicas     delivers to mpi.example:2576, 60 messages a minute',
      '  topic        ihub.default.mpi.outbound     12 partitions  4 copies, 3 in sync, kept 1.5 days',
      '  topic        ihub.default.mpi.dead-letter  1 partition    4 copies, 3 in sync, kept 1.5 days',
      '',
      'Hub/hub',
      '  topic        ihub.default.security         1 partition    4 copies, 3 in sync, kept 365 days',
      '',
    ]);
  });

  it('prints all of it as JSON', async () => {
    const { ihub } = await plan(HUB + MPI + FLOW, '--json');
    const planned = JSON.parse(ihub.stdout) as Plan & { hub: string };
    expect(planned.hub).to.equal('hub');
    expect(planned.topics.map(({ name }) => name)).to.include('ihub.default.phw.received');
    const [listener] = planned.stages;
    expect(listener).to.deep.include({
      role: 'listener',
      replicas: 2,
      ports: [{ name: 'mllp', port: 2575 }],
    });
    expect(listener!.configuration.kafka.bootstrapServers).to.deep.equal(['kafka:9092']);
  });

  it('shows the whole configuration when told to', async () => {
    const configured = (await plan(HUB + MPI + FLOW, '--configuration')).ihub.stdout;
    const stages = (JSON.parse((await plan(HUB + MPI + FLOW, '--json')).ihub.stdout) as Plan).stages;
    const shown = /^ {2}sender .*\n((?: {6}.*\n)+)/m.exec(configured)![1]!;
    expect(parse(shown)).to.deep.equal(stages.find(({ role }) => role === 'sender')!.configuration);
    expect(configured).to.contain('\n      min.insync.replicas: "3"\n');
  });

  it('says that there is no Hub where there is none', async () => {
    const { ihub, code } = await plan(MPI + FLOW);
    expect(code).to.equal(0);
    expect(ihub.stdout)
      .to.match(/^No Hub in the manifests: /)
      .and.contain('1 copy, kept 14 days');
    expect(JSON.parse((await plan(MPI + FLOW, '--json')).ihub.stdout)).to.include({ hub: null });
  });

  const wrong: Record<string, [string, RegExp]> = {
    'a destination that is not there': [FLOW, /"mpi" is no Destination/],
    'a mapping that is not there': [
      MPI + FLOW.replace('mapping: {name: phw}', 'mapping: {name: pwh}'),
      /no mapping "pwh"/,
    ],
    'a field that is not there': [MPI + FLOW.replace('port: 2575', 'prot: 2575'), /prot/],
    'no flow': [MPI, /holds no IntegrationFlow/],
  };
  for (const [name, [manifests, sentence]] of Object.entries(wrong)) {
    it(`answers ${name} with a sentence and exit code 2`, async () => {
      const { ihub, code } = await plan(manifests);
      expect([code, ihub.stdout]).to.deep.equal([2, '']);
      expect(ihub.stderr)
        .to.match(sentence)
        .and.match(/^ihub: /);
    });
  }
});
