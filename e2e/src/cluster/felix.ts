import { execFile } from 'node:child_process';
import { copyFile, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ApiServer } from './api-server.js';
import { cached } from './cache.js';
import { ClusterError } from './cluster-error.js';
import { tool } from './tools.js';
import type { Zone } from './zones.js';

// The plugins that make a pod's network do not enforce NetworkPolicies; Felix, the agent of Calico, does so for pods
// that others gave their network, as it does in managed clusters.

const MODULE = 'github.com/projectcalico/calico';
const CLUSTER_INFORMATION = {
  apiVersion: 'crd.projectcalico.org/v1',
  kind: 'ClusterInformation',
  metadata: { name: 'default' },
  spec: { datastoreReady: true },
};

/** Installs the resource definitions that Felix wants to see. @throws ClusterError */
export async function installFelixResources(api: ApiServer): Promise<void> {
  const definitions = await cached(`resources-of-${basename(dirname(await tool('felix')))}`, async (made) => {
    const folder = fileURLToPath(new URL('../../cluster/felix', import.meta.url));
    const source = await promisify(execFile)('go', ['list', '-m', '-f', '{{.Dir}}', MODULE], { cwd: folder });
    const files = join(source.stdout.trim(), 'libcalico-go/config/crd');
    for (const file of await readdir(files)) await copyFile(join(files, file), join(made, file));
  });
  const succeed = async (args: string[], input?: string): Promise<void> => {
    const { code, stderr } = await api.kubectl(args, input);
    if (code !== 0) throw new ClusterError('COMPONENT_NOT_STARTED', `Felix's resources: ${stderr}`);
  };
  await succeed(['create', '-f', definitions]);
  await succeed(['wait', '--for=condition=Established', '--timeout=60s', '-f', definitions]);
  await succeed(['create', '-f', '-'], JSON.stringify(CLUSTER_INFORMATION));
}

/** The command line and the environment of a node's Felix. */
export async function felix(
  zone: Zone,
  api: ApiServer,
): Promise<{ command: string[]; environment: NodeJS.ProcessEnv }> {
  return {
    command: [await tool('felix')],
    environment: {
      KUBECONFIG: await api.user(`felix-${zone.name}`, {
        commonName: `felix-${zone.name}`,
        organization: 'system:masters',
      }),
      FELIX_DATASTORETYPE: 'kubernetes',
      FELIX_FELIXHOSTNAME: zone.name,
      FELIX_IPTABLESBACKEND: 'NFT',
      FELIX_IPV6SUPPORT: 'false',
      // Policies are about pods; what a pod may ask of its node is not restricted.
      FELIX_DEFAULTENDPOINTTOHOSTACTION: 'ACCEPT',
      FELIX_LOGFILEPATH: 'none',
      FELIX_LOGSEVERITYFILE: 'none',
      FELIX_LOGSEVERITYSYS: 'none',
      FELIX_LOGSEVERITYSCREEN: 'warning',
      FELIX_USAGEREPORTINGENABLED: 'false',
      FELIX_BPFENABLED: 'false',
    },
  };
}
