import { expect } from 'chai';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifests } from './manifests.js';

const flow = (name: string, namespace = 'default'): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: ${name}, namespace: ${namespace}}
spec: {listener: {mllp: {}}, destinations: [{name: mpi}]}`;

describe('readManifests', () => {
  let folder = '';
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'ihub-manifests-'))));
  afterEach(() => rm(folder, { recursive: true }));
  const problem = (path = folder): Promise<string> =>
    readManifests([path]).then(
      () => 'none',
      (error: unknown) => (error as Error).message,
    );

  it('reads every manifest of a folder and its folders, and nothing else', async () => {
    await mkdir(join(folder, 'more'));
    await writeFile(join(folder, 'a.yaml'), flow('a'));
    await writeFile(join(folder, 'more', 'b.yml'), flow('b'));
    await writeFile(join(folder, 'notes.txt'), 'not: [yaml');
    const { flows } = await readManifests([folder]);
    expect(flows.map((one) => one.metadata.name)).to.deep.equal(['a', 'b']);
    expect((await readManifests([join(folder, 'a.yaml'), folder])).flows).to.have.length(2);
  });

  it('says what is wrong with all of them', async () => {
    await writeFile(join(folder, 'a.yaml'), flow('a').replace('mllp: {}', 'mllp: {port: 0}'));
    await writeFile(join(folder, 'b.yaml'), 'a: [');
    const lines = (await problem()).split('\n');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.equal('IntegrationFlow/a: spec.listener.mllp.port must be from 1 to 65535');
    expect(lines[1]).to.match(/b\.yaml:\d+: is not YAML/);
  });

  it('says what is missing', async () => {
    expect(await problem(join(folder, 'nowhere'))).to.match(/nowhere does not exist/);
    expect(await problem()).to.match(/holds no IntegrationFlow/);
    await writeFile(join(folder, 'a.yaml'), [flow('a', 'one'), flow('b', 'two')].join('\n---\n'));
    expect(await problem()).to.match(/several namespaces \(one, two\)/);
  });
});
