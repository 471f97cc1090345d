/** What is given to Argo CD: its health check of our kinds in the Lua that it embeds, and its applications. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { alertOverrideAnnotation, alertOverrideManager, alertOverridesPatch } from '@integration-hub/api';
import { loadAllYaml } from '@kubernetes/client-node';
import { expect } from 'chai';
import { tool } from './cluster/tools.js';
import { until } from './hub-under-test.js';
import { ClusterUnderTest, type OperatorUnderTest, type Seen } from './operator-under-test.js';

const project = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(project, 'manifests/argo-cd');
const apiVersion = 'integrationhub.dev/v1alpha1';
const kinds = ['Hub', 'Destination', 'IntegrationFlow', 'MessageReplay'];
const healthKey = (kind: string): string => `resource.customizations.health.integrationhub.dev_${kind}`;

interface Health {
  status: string;
  message: string;
}

interface ArgoObject {
  kind: string;
  spec: {
    source: { path: string; helm: { valuesObject: object } };
    destination: { namespace: string };
    generators: { list: { elements: { environment: string; automated: boolean }[] } }[];
    destinations: { namespace: string }[];
    sourceRepos: string[];
  };
}

/** Lua for a value of JSON. Its strings take the escapes of bytes. */
function lua(value: unknown): string {
  if (value === null || value === undefined) return 'nil';
  if (typeof value === 'string') {
    return `"${[...Buffer.from(value)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
  }
  if (Array.isArray(value)) return `{${value.map(lua).join(',')}}`;
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, of]) => `[${lua(key)}]=${lua(of)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

describe('for Argo CD', function () {
  // The first API server on a machine is built.
  this.timeout(1_500_000);

  let cluster: ClusterUnderTest;
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-argo-'));
    cluster = await ClusterUnderTest.start();
  });
  after(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true });
  });

  describe('the health', () => {
    let operator: OperatorUnderTest;
    let scripts: Record<string, string>;

    before(async () => {
      // As a person does it, into the ConfigMap that Argo CD has.
      const argoCd = { name: 'argocd-cm', namespace: 'argocd' };
      await cluster.apply(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'argocd' } },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: argoCd, data: { url: 'https://argocd.example' } },
      );
      const manager = '--field-manager=integration-hub';
      await cluster.kubectl('apply', '--server-side', manager, '-k', join(folder, 'health'));
      const { data, metadata } = (await cluster.get('ConfigMap', 'argocd', 'argocd-cm'))!;
      expect(metadata.labels).to.deep.include({ 'app.kubernetes.io/part-of': 'argocd' });
      expect(Object.keys(data!).sort()).to.deep.equal([...kinds.map(healthKey), 'url'].sort());
      scripts = data!;

      operator = await cluster.operator(['--status-every-ms', '1000']);
      for (const zone of ['zone-a', 'zone-b']) {
        const labels = { 'topology.kubernetes.io/zone': zone };
        await cluster.apply({
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: `node-of-${zone}`, labels },
        });
      }
    });
    after(() => operator.stop());

    /** Runs a kind's script on an object, without the libraries that Argo CD does not load. */
    async function healthOf(object: Pick<Seen, 'kind'>): Promise<Health> {
      const file = join(directory, 'health.lua');
      const text = `
        local show = print
        getmetatable("").__index = nil
        for _, name in ipairs({"string", "math", "io", "coroutine", "channel", "debug", "print"}) do _G[name] = nil end
        obj = ${lua(object)}
        local health = (function() ${scripts[healthKey(object.kind)]!} end)()
        show(health.status)
        show(health.message)`;
      await writeFile(file, text);
      const { stdout } = await promisify(execFile)(await tool('glua'), [file]);
      const [status = '', ...message] = stdout.trimEnd().split('\n');
      return { status, message: message.join('\n') };
    }

    /** Waits until an object is seen so. */
    async function becomes(
      [kind, namespace, name]: readonly [string, string, string],
      status: string,
      message: RegExp,
    ): Promise<void> {
      let last: Health | undefined;
      const is = async (): Promise<boolean> => {
        const object = (await cluster.get(kind, namespace, name))!;
        last = await healthOf(object);
        return last.status === status && message.test(last.message);
      };
      await until(`${kind}/${name} is ${status}`, is, 40_000).catch((error: unknown) => {
        throw new Error(`${(error as Error).message}; it is ${JSON.stringify(last)}`);
      });
    }

    const flow = (namespace: string, name: string, port: number, destination = 'mpi'): object => ({
      apiVersion,
      kind: 'IntegrationFlow',
      metadata: { name, namespace },
      spec: { listener: { mllp: { port } }, destinations: [{ name: destination }] },
    });
    const destination = (namespace: string, name: string): object => ({
      apiVersion,
      kind: 'Destination',
      metadata: { name, namespace },
      spec: { mllp: { host: '127.0.0.1', port: 1 } },
    });

    it('of what the operator has not seen is Progressing', async () => {
      for (const kind of kinds) {
        expect(await healthOf({ kind, metadata: { generation: 1 } } as unknown as Seen)).to.deep.equal({
          status: 'Progressing',
          message: 'The operator has not seen it yet.',
        });
      }
    });

    it('of a replay is Healthy once it is over, unless it failed', async () => {
      const healths = [
        ['False', 'Pending', 'Progressing'],
        ['False', 'Running', 'Progressing'],
        ['False', 'Paused', 'Suspended'],
        ['False', 'Cancelled', 'Healthy'],
        ['False', 'Failed', 'Degraded'],
        ['True', 'Completed', 'Healthy'],
      ] as const;
      for (const [status, reason, health] of healths) {
        const conditions = [{ type: 'Complete', status, reason, message: 'as it is' }];
        const replay = { kind: 'MessageReplay', metadata: { generation: 1 }, status: { conditions } };
        expect(await healthOf(replay), reason).to.deep.equal({
          status: health,
          message: 'as it is',
        });
      }
    });

    it('of a flow goes from Progressing to Healthy as its workers start, and of what it uses', async () => {
      const ns = 'starts';
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'paris', 2575));
      await becomes(['Hub', ns, 'hub'], 'Healthy', /^Flows of this namespace can run\.$/);
      await becomes(
        ['IntegrationFlow', ns, 'paris'],
        'Progressing',
        /paris-listener has no ready worker yet/,
      );
      await becomes(['Destination', ns, 'mpi'], 'Progressing', /mpi-sender has no ready worker yet/);
      for (const stage of ['paris-listener', 'mpi-sender']) await cluster.readyPod(ns, stage, 'zone-a');
      await becomes(['IntegrationFlow', ns, 'paris'], 'Healthy', /^Messages are taken in and delivered\.$/);
      await becomes(['Destination', ns, 'mpi'], 'Healthy', /^Messages are delivered\.$/);

      const seen = (await cluster.get('IntegrationFlow', ns, 'paris'))!;
      const changed = { ...seen, metadata: { ...seen.metadata, generation: 99 } };
      expect(await healthOf(changed)).to.deep.equal({
        status: 'Progressing',
        message: 'The operator has not seen the last change yet.',
      });
    });

    it('of a flow whose workers fail is Degraded, and says why', async () => {
      const ns = 'fails';
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'paris', 2575));
      await becomes(['IntegrationFlow', ns, 'paris'], 'Progressing', /no ready worker/);
      const pod = await cluster.readyPod(ns, 'paris-listener', 'zone-a');
      const failing = {
        conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }],
        containerStatuses: [
          {
            ...{ name: 'listener', image: 'ihub:test', imageID: '', ready: false, restartCount: 3 },
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 2 } },
          },
        ],
      };
      await cluster.kubectl(
        ...['patch', 'pod', pod, '-n', ns, '--subresource=status', '--type=merge'],
        ...['-p', JSON.stringify({ status: failing })],
      );
      await becomes(
        ['IntegrationFlow', ns, 'paris'],
        'Degraded',
        /CrashLoopBackOff; it ended with exit code 2/,
      );
    });

    it('of a flow without a destination, and of two flows on one port, is Degraded', async () => {
      const ns = 'wrong';
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'), flow(ns, 'lost', 2575, 'nowhere'));
      await becomes(
        ['IntegrationFlow', ns, 'lost'],
        'Degraded',
        /"nowhere" is no Destination in this namespace/,
      );
      await cluster.apply(flow(ns, 'first', 2576), flow(ns, 'second', 2576));
      await becomes(
        ['IntegrationFlow', ns, 'second'],
        'Degraded',
        /2576 is already the port of the flow first/,
      );
    });

    it('of a namespace without a Hub, and of a Hub without its Kafka, is Degraded', async () => {
      await cluster.kubectl('create', 'namespace', 'bare');
      await cluster.apply(destination('bare', 'mpi'), flow('bare', 'paris', 2575));
      await becomes(['IntegrationFlow', 'bare', 'paris'], 'Degraded', /Hub/);
      await cluster.hub('bare', ['127.0.0.1:1']);
      for (const kind of ['Hub', 'IntegrationFlow', 'Destination']) {
        const name = { Hub: 'hub', IntegrationFlow: 'paris', Destination: 'mpi' }[kind]!;
        await becomes([kind, 'bare', name], 'Degraded', /127\.0\.0\.1:1/);
      }
    });

    describe('and the finalizer', () => {
      const overlay = join(project, 'manifests/overlays/dev');
      const flow = ['IntegrationFlow', 'integration-hub-dev', 'phw-to-mpi'] as const;
      // As Argo CD does with ServerSideApply=true, which flows.yaml sets.
      const asArgoCd = ['--server-side', '--field-manager=argocd-controller', '-k', overlay];

      it('are no difference to what was applied', async () => {
        await cluster.kubectl('apply', ...asArgoCd);
        const seen = async (): Promise<boolean> => {
          const { metadata, status } = (await cluster.get(...flow))!;
          return metadata.finalizers !== undefined && status !== undefined;
        };
        await until('the operator has written to it', seen, 40_000);
        // It fails where there is a difference.
        await cluster.kubectl('diff', ...asArgoCd);
      });

      it('nor is an alarm that the console silences, and no sync ends it', async () => {
        const override = {
          until: new Date(Date.now() + 3_600_000).toISOString(),
          ...{ by: 'ann@hospital.example', why: 'the MPI is moved', silence: ['backlogAge' as const] },
        };
        const [kind, namespace, name] = flow;
        const { uid } = (await cluster.get(...flow))!.metadata;
        const file = join(directory, 'override.json');
        const patch = alertOverridesPatch({ kind, name, namespace, uid }, [override]);
        await writeFile(file, JSON.stringify(patch));
        const manager = `--field-manager=${alertOverrideManager}`;
        await cluster.kubectl('apply', '--server-side', manager, '--force-conflicts', '-f', file);
        const condition = await cluster.awaitReason(flow, 'Alerting', 'Silenced', 40_000);
        await cluster.kubectl('diff', ...asArgoCd);
        await cluster.kubectl('apply', ...asArgoCd);
        const { metadata } = (await cluster.get(...flow))!;
        expect(metadata.annotations).to.have.property(alertOverrideAnnotation, JSON.stringify([override]));
        expect(await cluster.condition(...flow, 'Alerting')).to.deep.equal(condition);
      });
    });

    it('of what is paused is Suspended, and as before when it goes on', async () => {
      const ns = 'pauses';
      await cluster.hub(ns);
      await cluster.apply(destination(ns, 'mpi'));
      await becomes(['Destination', ns, 'mpi'], 'Healthy', /./);
      const annotate = (value: string): Promise<string> =>
        cluster.kubectl('annotate', '-n', ns, 'hub/hub', `integrationhub.dev/paused${value}`);
      await annotate('=true');
      for (const [kind, name] of [['Hub', 'hub'] as const, ['Destination', 'mpi'] as const]) {
        await becomes([kind, ns, name], 'Suspended', /integrationhub\.dev\/paused is "true"/);
      }
      await annotate('-');
      await becomes(['Destination', ns, 'mpi'], 'Healthy', /./);
      await becomes(['Hub', ns, 'hub'], 'Healthy', /./);
    });
  });

  describe('the applications', () => {
    const read = async (name: string): Promise<ArgoObject> => {
      const [object] = loadAllYaml(await readFile(join(folder, name), 'utf8')) as ArgoObject[];
      return object!;
    };

    it('are one for each overlay, of which the last two wait for a person', async () => {
      const { spec } = await read('flows.yaml');
      const { elements } = spec.generators[0]!.list;
      const overlays = await readdir(join(project, 'manifests/overlays'));
      expect(elements.map(({ environment }) => environment).sort()).to.deep.equal(overlays.sort());
      expect(
        elements.filter(({ automated }) => !automated).map(({ environment }) => environment),
      ).to.deep.equal(['pre-prod', 'prod']);
    });

    it('have values that the chart takes', async () => {
      const { spec } = await read('operator.yaml');
      const values = join(directory, 'values.json');
      await writeFile(values, JSON.stringify(spec.source.helm.valuesObject));
      const { stdout } = await promisify(execFile)(
        await tool('helm'),
        [
          'template',
          'integration-hub',
          join(project, spec.source.path),
          '--kube-version=1.34.0',
          '-f',
          values,
        ],
        { maxBuffer: 16 << 20 },
      );
      const deployed = (loadAllYaml(stdout) as ({ kind: string } | null)[]).map((one) => one?.kind);
      expect(deployed).to.include.members(['Deployment', 'CustomResourceDefinition', 'ClusterRole']);
    });
  });
});
