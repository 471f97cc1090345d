/** The environments of manifests/overlays, applied by kubectl to a real API server. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { plan, problemText, readResources, type Resources } from '@integration-hub/api';
import { expect } from 'chai';
import { startApiServer, type ApiServer } from './cluster/api-server.js';
import { until } from './hub-under-test.js';

const folder = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the overlays', function () {
  // The first API server on a machine is built.
  this.timeout(1_500_000);

  let api: ApiServer;
  const kubectl = async (args: string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await api.kubectl(args, input);
    expect(stderr, args.join(' ')).to.equal('');
    expect(code, args.join(' ')).to.equal(0);
    return stdout;
  };
  const kustomize = async (path: string): Promise<Resources> => {
    const { problems, ...resources } = readResources(await kubectl(['kustomize', folder(path)]), path);
    expect(problems.map(problemText)).to.deep.equal([]);
    return resources;
  };
  const namesOf = (resources: readonly { metadata: { name: string } }[]): string[] =>
    resources.map(({ metadata }) => metadata.name).sort();

  before(async () => {
    api = await startApiServer();
    const files = ['hubs', 'destinations', 'integrationflows', 'messagereplays'].map(
      (name) => `--filename=${folder(`crds/${name}.yaml`)}`,
    );
    await kubectl(['apply', '--server-side', ...files]);
    // kubectl's own wait fails where a definition has no status yet.
    const wait = ['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all'];
    await until('the definitions are known', async () => (await api.kubectl(wait)).code === 0, 60_000);
  });
  after(() => api.stop());

  it('have every file of manifests/flows', async () => {
    const files = readdirSync(folder('manifests/flows')).filter((name) => name.endsWith('.yaml'));
    const text = files.map((name) => readFileSync(folder(`manifests/flows/${name}`), 'utf8')).join('---\n');
    const { flows, destinations } = readResources(text, 'manifests/flows');
    expect(flows).to.have.length.of.at.least(7);
    const built = await kustomize('manifests/base');
    expect(namesOf(built.flows)).to.deep.equal(namesOf(flows));
    expect(namesOf(built.destinations)).to.deep.equal(namesOf(destinations));
  });

  for (const [environment, replicasPerZone] of Object.entries({ dev: 1, test: 2, 'pre-prod': 3, prod: 5 })) {
    const path = `manifests/overlays/${environment}`;
    const namespace = `integration-hub-${environment}`;

    describe(environment, () => {
      it(`has every flow, with ${replicasPerZone} of each stage in each of two zones`, async () => {
        const { hubs, flows, destinations } = await kustomize(path);
        const base = await kustomize('manifests/base');
        expect(namesOf(flows)).to.deep.equal(namesOf(base.flows));
        expect(namesOf(destinations)).to.deep.equal(namesOf(base.destinations));

        const { stages, problems } = plan(hubs[0]!, flows, destinations);
        expect(problems.map(problemText)).to.deep.equal([]);
        for (const { name, role, replicas } of stages) {
          // A destination's pace is shared by its senders, so there is one in each zone everywhere.
          expect(replicas, name).to.equal(2 * (role === 'sender' ? 1 : replicasPerZone));
        }
      });

      it('has a receiver’s and a Kafka’s address of its own for everything', async () => {
        const { hubs, destinations } = await kustomize(path);
        const hosts = [
          ...destinations.map(({ spec }) => spec.mllp.host),
          ...hubs.flatMap(({ spec }) => spec.kafka.bootstrapServers),
        ];
        expect(hosts.filter((host) => host.startsWith('localhost'))).to.deep.equal([]);
      });

      it('is taken by the API server, and applied again changes nothing', async () => {
        await kubectl(['apply', '-k', folder(path)]);
        expect(await kubectl(['apply', '-k', folder(path)])).to.not.match(/ (?!unchanged)\w+$/m);
        await kubectl(['diff', '-k', folder(path)]);
        const flows = await kubectl(['get', 'iflow', '-n', namespace, '-o', 'name']);
        expect(flows.trim().split('\n')).to.have.length.of.at.least(7);
      });

      it('is applied from the server’s side too, as Argo CD does', async () => {
        await kubectl(['apply', '--server-side', '--force-conflicts', '-k', folder(path)]);
        await kubectl(['diff', '--server-side', '--force-conflicts', '-k', folder(path)]);
      });
    });
  }
});
