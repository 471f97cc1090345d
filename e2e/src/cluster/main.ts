// The command behind `make cluster`, `make cluster-down` and `make image`.
import { clusterProcesses } from './cgroup.js';
import { clusterKubeconfig, loadImage, startCluster, stopCluster } from './cluster.js';
import { ClusterError } from './cluster-error.js';
import { HUB_IMAGE, packHubImage, stageHub } from './hub-image.js';
import { startKind } from './kind.js';
import { startKafka } from './kafka.js';
import { cutZone, healZone } from './network.js';
import { type Zone, ZONES } from './zones.js';

const [command, argument] = process.argv.slice(2);

function zone(): Zone {
  const found = ZONES.find(({ name }) => name === argument);
  if (found === undefined) throw new Error(`name a zone: ${ZONES.map(({ name }) => name).join(' or ')}`);
  return found;
}

function archive(): string {
  return argument ?? '.ihub/integration-hub.tar';
}

const COMMANDS: Partial<Record<string, () => Promise<void>>> = {
  async up() {
    const started = Date.now();
    await startCluster();
    const kafka = await startKafka();
    console.log(`Both zones are ready after ${Math.round((Date.now() - started) / 1000)} s.`);
    console.log(`Kafka, for pods and for this machine: ${kafka.bootstrapServers.join(',')}`);
    console.log(`export KUBECONFIG=${clusterKubeconfig()}`);
  },
  down: () => stopCluster(),
  async image() {
    await packHubImage(archive());
    const isUp = (await clusterProcesses()).length > 0;
    if (isUp) await loadImage(archive());
    console.log(`${HUB_IMAGE} is in ${archive()}${isUp ? ' and in the nodes of the cluster' : ''}`);
  },
  stage: () => stageHub(argument ?? '.ihub/image'),
  kind: startKind,
  cut: () => cutZone(zone()),
  heal: () => healZone(zone()),
};

const run = COMMANDS[command ?? ''];
if (run === undefined) {
  console.error(`Usage: main.js up | down | kind | image [FILE] | stage FOLDER | cut ZONE | heal ZONE`);
  process.exitCode = 2;
} else {
  await run().catch((error: unknown) => {
    console.error(error instanceof ClusterError ? error.message : error);
    process.exitCode = 1;
  });
}
