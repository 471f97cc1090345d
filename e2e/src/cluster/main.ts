// The command behind `make cluster` and `make cluster-down`:
// node e2e/dist/cluster/main.js up | down | cut ZONE | heal ZONE
import { clusterKubeconfig, startCluster, stopCluster } from './cluster.js';
import { ClusterError } from './cluster-error.js';
import { cutZone, healZone } from './network.js';
import { type Zone, ZONES } from './zones.js';

const [command, zoneName] = process.argv.slice(2);

function zone(): Zone {
  const found = ZONES.find(({ name }) => name === zoneName);
  if (found === undefined) throw new Error(`name a zone: ${ZONES.map(({ name }) => name).join(' or ')}`);
  return found;
}

const COMMANDS: Partial<Record<string, () => Promise<void>>> = {
  async up() {
    const started = Date.now();
    await startCluster();
    console.log(`Both zones are ready after ${Math.round((Date.now() - started) / 1000)} s.`);
    console.log(`export KUBECONFIG=${clusterKubeconfig()}`);
  },
  down: () => stopCluster(),
  cut: () => cutZone(zone()),
  heal: () => healZone(zone()),
};

const run = COMMANDS[command ?? ''];
if (run === undefined) {
  console.error(`Usage: main.js ${Object.keys(COMMANDS).join(' | ')}`);
  process.exitCode = 2;
} else {
  await run().catch((error: unknown) => {
    console.error(error instanceof ClusterError ? error.message : error);
    process.exitCode = 1;
  });
}
