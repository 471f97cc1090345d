import { existsSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { expect } from 'chai';
import { type ApiServer, startApiServer } from './api-server.js';
import { ClusterError } from './cluster-error.js';

const CRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: wards.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Ward, plural: wards, singular: ward}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {beds: {type: integer, minimum: 1}}
            x-kubernetes-validations: [{rule: "self.beds != 13", message: there is no ward of 13 beds}]
`;

const ward = (beds: number): string => `
apiVersion: example.org/v1
kind: Ward
metadata: {name: a, namespace: default}
spec: {beds: ${beds}}
`;

/** Those processes whose command line names a text. */
async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(text));
}

describe('an API server alone', function () {
  // The first on a machine is built.
  this.timeout(1_500_000);

  let api: ApiServer;
  const stdout = async (...args: string[]): Promise<string> => {
    const result = await api.kubectl(args);
    expect(result.stderr).to.equal('');
    return result.stdout;
  };
  const apply = (manifest: string): ReturnType<ApiServer['kubectl']> =>
    api.kubectl(['apply', '--server-side', '-f', '-'], manifest);

  before(async () => {
    api = await startApiServer();
  });
  after(() => api.stop());

  it('is the version that the module names', async () => {
    const { serverVersion } = JSON.parse(await stdout('version', '-o', 'json')) as {
      serverVersion: { gitVersion: string };
    };
    expect(serverVersion.gitVersion).to.match(/^v1\.34\.\d+$/);
  });

  it('takes a CustomResourceDefinition and holds resources to it', async () => {
    expect(await apply(CRD)).to.include({ code: 0, stderr: '' });
    await stdout('wait', '--for=condition=Established', 'crd/wards.example.org', '--timeout=30s');
    expect((await apply(ward(13))).stderr).to.contain('there is no ward of 13 beds');
    expect((await apply(ward(0))).stderr).to.contain('spec.beds');
    expect(await apply(ward(12))).to.include({ code: 0, stderr: '' });
  });

  it('removes what a removed owner owned, and whole namespaces', async () => {
    await stdout('create', 'configmap', 'owner', '-n', 'default');
    const uid = await stdout('get', 'configmap', 'owner', '-o', 'jsonpath={.metadata.uid}');
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    const owned = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', ownerReferences } };
    await apply(JSON.stringify(owned));
    await stdout('delete', 'configmap', 'owner');
    await stdout('wait', '--for=delete', 'configmap/owned', '--timeout=60s');
    await stdout('create', 'namespace', 'ward');
    await stdout('delete', 'namespace', 'ward', '--timeout=60s');
  });

  it('keeps everything over a restart and a compaction', async () => {
    const { pid } = api.server;
    await api.compact();
    await api.restart();
    expect(api.server.pid).not.to.equal(pid);
    expect(await stdout('get', 'ward', 'a', '-o', 'jsonpath={.spec.beds}')).to.equal('12');
  });

  it('stands beside another, and leaves nothing', async () => {
    const other = await startApiServer({ controllers: [] });
    expect(other.url).not.to.equal(api.url);
    expect((await other.kubectl(['get', 'crd', '-o', 'name'])).stdout).to.equal('');
    expect(await processesNaming(other.directory)).to.have.length(2);
    await other.stop();
    expect(await processesNaming(other.directory)).to.deep.equal([]);
    expect(existsSync(other.directory)).to.equal(false);
  });

  it('says why it does not start, and leaves nothing', async () => {
    const error = await startApiServer({ arguments: ['--no-such-flag'] }).then(
      () => expect.fail('should not have started'),
      (failure: unknown) => failure as ClusterError,
    );
    expect(error).to.be.instanceOf(ClusterError);
    expect(error.code).to.equal('COMPONENT_NOT_STARTED');
    expect(error.message).to.contain('no-such-flag');
    const directory = /\/\S*ihub-api-server-[^/]+/.exec(error.message)![0];
    expect(existsSync(directory)).to.equal(false);
    expect(await processesNaming(directory)).to.deep.equal([]);
  });
});
