import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { ClusterError } from './cluster-error.js';
import { MACHINE, SERVICE_RANGE, type Zone, ZONES } from './zones.js';

// The machine has one interface, ihub0, whose other end is at a switch; so has each zone. The switch is in a network
// namespace of its own, out of reach of whatever firewall the machine has, and all of it ends with that namespace.
//
//     machine 198.18.0.1 ── ihub0 ──┐
//     zone-a 198.18.0.11 ── eth0 ───┤ ihub-switch
//     zone-b 198.18.0.12 ── eth0 ───┘

const SWITCH = 'ihub-switch';

/** The name of a zone's network namespace, which `ip netns` and `ip -n` take. */
export function networkNamespace(zone: Zone): string {
  return `ihub-${zone.name}`;
}

/** Makes the network of the cluster. @throws ClusterError NETWORK_FAILED */
export async function makeNetwork(): Promise<void> {
  await ip([`netns add ${SWITCH}`, ...ZONES.map((zone) => `netns add ${networkNamespace(zone)}`)]);
  await ip(['link add bridge type bridge', 'link set bridge up'], SWITCH);
  await ip([`link add ihub0 type veth peer name machine netns ${SWITCH}`]);
  await ip(['link set machine master bridge up'], SWITCH);
  await ip([`address add ${MACHINE}/24 dev ihub0`, 'link set ihub0 up']);
  for (const zone of ZONES) {
    const namespace = networkNamespace(zone);
    await ip(
      [
        `link add ${zone.name} type veth peer name eth0 netns ${namespace}`,
        `link set ${zone.name} master bridge up`,
      ],
      SWITCH,
    );
    await ip(
      [
        `address add ${zone.address}/24 dev eth0`,
        'link set eth0 up',
        'link set lo up',
        `route add default via ${MACHINE}`,
        ...ZONES.filter((other) => other !== zone).map(
          (other) => `route add ${other.podRange} via ${other.address}`,
        ),
      ],
      namespace,
    );
    await ip([`route add ${zone.podRange} via ${zone.address}`]);
  }
  // From the machine, Services are reached through the first zone.
  await ip([`route add ${SERVICE_RANGE} via ${ZONES[0].address}`]);
}

/** Removes the network, as much of it as there is. */
export async function removeNetwork(): Promise<void> {
  const namespaces = [SWITCH, ...ZONES.map(networkNamespace)];
  await ip(namespaces.filter(namespaceExists).map((name) => `netns delete ${name}`));
  // It ends with the switch, which the kernel takes down in its own time.
  if (existsSync('/sys/class/net/ihub0')) {
    await ip(['link delete ihub0']).catch((error: unknown) => {
      if (existsSync('/sys/class/net/ihub0')) throw error;
    });
  }
}

/** Pulls the plug of a zone: nothing reaches it, nothing leaves it. What runs there goes on running. */
export async function cutZone(zone: Zone): Promise<void> {
  await ip([`link set ${zone.name} down`], SWITCH);
}

/** Puts the plug of a zone back. */
export async function healZone(zone: Zone): Promise<void> {
  await ip([`link set ${zone.name} up`], SWITCH);
}

function namespaceExists(name: string): boolean {
  return existsSync(`/run/netns/${name}`);
}

/** Gives ip(8) its commands, in a network namespace if one is named; the first that fails is the last. */
async function ip(commands: string[], namespace?: string): Promise<void> {
  const child = spawn('ip', [...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-']);
  child.stdin.on('error', () => undefined);
  child.stdin.end(commands.join('\n'));
  const [[code], said] = await Promise.all([once(child, 'close') as Promise<[number]>, text(child.stderr)]);
  if (code === 0) return;
  throw new ClusterError(
    'NETWORK_FAILED',
    `The network of the test cluster (198.18.0.0/15) could not be made or changed; is another cluster up? Try: make cluster-down. ip said: ${said.trim().replaceAll('\n', ' | ')}`,
  );
}
