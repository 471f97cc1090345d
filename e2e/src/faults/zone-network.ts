import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';

// As in ../cluster/network.ts the switch is in a namespace of its own, and nothing of the machine is touched. It has
// another part of 198.18.0.0/15 (RFC 2544), a different one for each process that makes one, and names that hold the
// number of that process: so several can be up at once, and what a dead process left can be told and removed.
//
//     machine 198.18.64+n.1 ── ihubf‹pid› ──┐
//     zone-a .11 ── eth0 ───────────────────┤
//     zone-b .12 ── eth0 ───────────────────┤ switch
//     witness .13 ── eth0 ──────────────────┘

export type ZoneName = 'zone-a' | 'zone-b';
/** Where a process can stand: in a zone, or in the third place that has a controller only. */
export type Place = ZoneName | 'witness';

export const ZONE_NAMES: readonly ZoneName[] = ['zone-a', 'zone-b'];
const PLACES: readonly Place[] = [...ZONE_NAMES, 'witness'];
const ADDRESS_ENDS: Readonly<Record<Place, number>> = { 'zone-a': 11, 'zone-b': 12, witness: 13 };

/** What ails the link of a zone. Directions are seen from the zone. */
export type Ailment =
  | 'nothing-leaves'
  | 'nothing-arrives'
  /** Each 16th packet of every connection is lost, in both directions. */
  | 'lossy'
  /** 1 Mbit/s out of the zone, with up to 400 ms in the queue. */
  | 'slow';

/** Why the network can't be made here, in a sentence; undefined where it can. */
export function reasonAgainstNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'zones need network namespaces, which Linux only has';
  if (process.getuid?.() !== 0) return 'zones are network namespaces, and only root may make them';
  const missing = ['ip', 'ss', 'tc', 'nsenter', 'prlimit'].filter(
    (program) => !(process.env.PATH ?? '').split(':').some((folder) => existsSync(`${folder}/${program}`)),
  );
  return missing.length === 0 ? undefined : `zones need ${missing.join(' and ')} (iproute2, util-linux)`;
}

/** A network with two zones and a third place, each cut off from the others by a call. */
export class ZoneNetwork {
  readonly #prefix = `ihubf-${process.pid}`;
  readonly #range = `198.18.${64 + (process.pid % 32)}`;

  private constructor() {
    // Made by make().
  }

  /** @throws Error with what ip(8) said */
  static async make(): Promise<ZoneNetwork> {
    await removeLeftNetworks();
    const network = new ZoneNetwork();
    try {
      await network.#make();
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  /** The machine's own address: receivers listen here, as something outside of both zones. */
  get machine(): string {
    return `${this.#range}.1`;
  }

  address(place: Place): string {
    return `${this.#range}.${ADDRESS_ENDS[place]}`;
  }

  /** The words before a command that make it run in a place. The process keeps its id. */
  within(place: Place): [command: string, ...words: string[]] {
    return ['nsenter', `--net=/run/netns/${this.#namespace(place)}`, '--'];
  }

  /** Pulls the plug: nothing reaches the place, nothing leaves it. What runs there goes on running. */
  async cut(place: Place): Promise<void> {
    await ip([`link set ${place} down`], this.#switch);
  }

  async ail(zone: ZoneName, ailment: Ailment): Promise<void> {
    if (ailment === 'slow') {
      await this.#tc(
        'qdisc add dev eth0 root tbf rate 1mbit burst 16kb latency 400ms',
        this.#namespace(zone),
      );
      return;
    }
    // It is there already where something else ails the zone, too.
    await this.#tc(`qdisc replace dev ${zone} clsact`, this.#switch);
    // What is lost is sent to a device that leads nowhere: an action to drop is not in every kernel. By the number
    // of each packet (IP's identification, which grows by one a packet) one loss is never the loss of its repetition.
    const match = ailment === 'lossy' ? 'u16 0x0000 0x000f at 4' : 'u32 0 0';
    const directions = {
      'nothing-leaves': ['ingress'],
      'nothing-arrives': ['egress'],
      lossy: ['ingress', 'egress'],
    };
    for (const direction of directions[ailment]) {
      await this.#tc(
        `filter add dev ${zone} ${direction} protocol ip u32 match ${match} action mirred egress redirect dev nowhere`,
        this.#switch,
      );
    }
  }

  /**
   * Ends every connection of a place without a word, as its kernels end with its power. Those of a dead process would else
   * go on to send what it had written, as soon as somebody hears it.
   */
  async forgetConnections(place: Place): Promise<void> {
    const [command, ...words] = this.within(place);
    await run(command, [...words, 'ss', '--kill', '--tcp', 'state', 'connected']);
  }

  /** Puts the plug back, and ends what ails the link. */
  async heal(place: Place): Promise<void> {
    await ip([`link set ${place} up`], this.#switch);
    await this.#tc(`qdisc del dev ${place} clsact`, this.#switch).catch(() => undefined);
    await this.#tc('qdisc del dev eth0 root', this.#namespace(place)).catch(() => undefined);
  }

  /** Removes as much of it as there is; processes in it must have ended before. */
  async remove(): Promise<void> {
    await removeNamespaces(this.#prefix);
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  #namespace(place: Place): string {
    return `${this.#prefix}-${place}`;
  }

  async #make(): Promise<void> {
    await ip([`netns add ${this.#switch}`, ...PLACES.map((place) => `netns add ${this.#namespace(place)}`)]);
    await ip(
      [
        'link add bridge type bridge',
        'link set bridge up',
        'link add nowhere type veth peer name nowhere-end',
        'link set nowhere up',
      ],
      this.#switch,
    );
    const machineEnd = `ihubf${process.pid}`;
    await ip([`link add ${machineEnd} type veth peer name machine netns ${this.#switch}`]);
    await ip(['link set machine master bridge up'], this.#switch);
    await ip([`address add ${this.machine}/24 dev ${machineEnd}`, `link set ${machineEnd} up`]);
    for (const place of PLACES) {
      const namespace = this.#namespace(place);
      await ip(
        [
          `link add ${place} type veth peer name eth0 netns ${namespace}`,
          `link set ${place} master bridge up`,
        ],
        this.#switch,
      );
      await ip(
        [`address add ${this.address(place)}/24 dev eth0`, 'link set eth0 up', 'link set lo up'],
        namespace,
      );
    }
  }

  async #tc(command: string, namespace: string): Promise<void> {
    await run('tc', ['-n', namespace, ...command.split(' ')]);
  }
}

/** Ends what processes that are no more have left: their namespaces, and the brokers and workers that run in them. */
async function removeLeftNetworks(): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const makers = new Set(names.flatMap((name) => /^ihubf-(\d+)-/.exec(name)?.[1] ?? []));
  for (const maker of makers) {
    if (existsSync(`/proc/${maker}`)) continue;
    for (const name of names.filter((one) => one.startsWith(`ihubf-${maker}-`))) {
      const left = await run('ip', ['netns', 'pids', name]);
      for (const pid of left.split(/\s+/).filter((word) => word !== '')) process.kill(Number(pid), 'SIGKILL');
    }
    await removeNamespaces(`ihubf-${maker}`);
  }
}

async function removeNamespaces(prefix: string): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  // The machine's end of the link goes with the switch.
  await ip(names.filter((name) => name.startsWith(`${prefix}-`)).map((name) => `netns delete ${name}`));
}

/** Gives ip(8) its commands, in a network namespace if one is named; the first that fails is the last. */
async function ip(commands: readonly string[], namespace?: string): Promise<void> {
  const words = [...(namespace === undefined ? [] : ['-n', namespace]), '-batch', '-'];
  await run('ip', words, commands.join('\n'));
}

async function run(program: string, words: readonly string[], input = ''): Promise<string> {
  const child = spawn(program, words);
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [[code], out, said] = await Promise.all([
    once(child, 'close') as Promise<[number]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  if (code === 0) return out;
  throw new Error(`${program} ${words.join(' ')} failed: ${said.trim().replaceAll('\n', ' | ')}`);
}
