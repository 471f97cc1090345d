import { setTimeout as sleep } from 'node:timers/promises';
import type { Role } from '@integration-hub/api';
import { encodeFrame } from '@integration-hub/hl7';
import { samples } from '../flows.js';
import { JUMP } from './jumping-clock.js';
import { KAFKA_NODES, type KafkaNode } from './kafka-cluster.js';
import { writeAndLeave } from './load.js';
import type { Random } from './random.js';
import type { TwoZoneHub } from './two-zone-hub.js';
import { type Ailment, ZONE_NAMES, type ZoneName } from './zone-network.js';
import type { ZoneWorker } from './zone-worker.js';

/** Something that is done to the hub, and undone. */
export interface Fault {
  readonly name: string;
  /** How long it lasts, in milliseconds, between its beginning and its end. */
  readonly lastsMs: number;
  /** The longest gap in delivery that is allowed meanwhile, in milliseconds; undefined where delivery is what it stops. */
  readonly longestGapMs?: number;
  /** @returns what undoes it */
  begin(hub: TwoZoneHub, random: Random): Promise<() => Promise<void> | void>;
}

const ROLES: readonly Role[] = ['listener', 'transformer', 'sender'];
const nothing = (): void => undefined;
/** What a zone that is gone may cost, and what hangs or dies without a word. */
const ZONE_GAP = 15_000;
/** What may cost little: what ends in good order, and what is no part of the road. */
const LESSER_GAP = 3_000;

function signalWorker(
  role: Role,
  name: string,
  [first, then]: readonly NodeJS.Signals[],
  lastsMs: number,
): Fault {
  return {
    name: `${name} of a ${role}`,
    lastsMs,
    longestGapMs: ZONE_GAP,
    begin: (hub, random) => {
      const worker = random.pick(hub.workersOf(role));
      worker.signal(first!);
      return Promise.resolve(() => {
        if (then) worker.signal(then);
      });
    },
  };
}

function signalNode(role: 'broker' | 'controller', kind: 'SIGKILL' | 'SIGSTOP'): Fault {
  return {
    name: `${kind} of a ${role}`,
    lastsMs: 10_000,
    longestGapMs: ZONE_GAP,
    begin: ({ kafka }, random) => {
      const { id } = random.pick(KAFKA_NODES.filter((node) => node.role === role));
      kafka.signal(id, kind);
      return Promise.resolve(() => {
        if (kind === 'SIGSTOP') kafka.signal(id, 'SIGCONT');
        else return kafka.end(id, 'SIGKILL').then(() => kafka.startNode(id));
        return undefined;
      });
    },
  };
}

function signalZoneWatch(name: string, [first, then]: readonly NodeJS.Signals[]): Fault {
  return {
    name: `${name} of the zone watch`,
    lastsMs: 8_000,
    longestGapMs: LESSER_GAP,
    begin: ({ zoneWatch }) => {
      zoneWatch.signal(first!);
      return Promise.resolve(() => {
        if (then) zoneWatch.signal(then);
      });
    },
  };
}

/** Who watches the zones knows nothing of them when one is lost, as an operator that takes over from one in the lost zone. */
const unwatchedCut: Fault = {
  name: 'zone-b cut off, and the zone watch begins anew',
  lastsMs: 30_000,
  longestGapMs: ZONE_GAP,
  begin: async (hub, random) => {
    const heal = await cutZone('zone-b').begin(hub, random);
    await sleep(2_000);
    hub.zoneWatch.signal('SIGKILL');
    return heal;
  },
};

/** No file of a broker may grow any more; it then gives up its disk, and itself, as it has one only. */
const fullDisk: Fault = {
  name: 'the disk of a broker is full',
  lastsMs: 10_000,
  longestGapMs: ZONE_GAP,
  begin: async ({ kafka }, random) => {
    const { id } = random.pick(KAFKA_NODES.filter(({ role }) => role === 'broker'));
    await kafka.fillDisk(id);
    return () => kafka.end(id, 'SIGKILL').then(() => kafka.startNode(id));
  },
};

/** An hour ahead, then an hour behind, then right again. */
function jumpClock(role: Role): Fault {
  return {
    name: `the clock of a ${role} jumps`,
    lastsMs: 8_000,
    longestGapMs: ZONE_GAP,
    begin: (hub, random) => {
      const worker = random.pick(hub.workersOf(role));
      worker.signal(JUMP);
      return Promise.resolve(async () => {
        worker.signal(JUMP);
        await sleep(8_000);
        worker.signal(JUMP);
      });
    },
  };
}

function cutZone(zone: ZoneName): Fault {
  return {
    name: `${zone} cut off`,
    lastsMs: 30_000,
    longestGapMs: ZONE_GAP,
    begin: async ({ network }) => {
      await network.cut(zone);
      return () => network.heal(zone);
    },
  };
}

/** All that runs in a zone is killed at once, and started again, as after a loss of power. */
function killZone(zone: ZoneName): Fault {
  return {
    name: `${zone} without power`,
    lastsMs: 30_000,
    longestGapMs: ZONE_GAP,
    begin: async ({ network, kafka, workers }) => {
      await network.cut(zone);
      const nodes = KAFKA_NODES.filter(({ place }) => place === zone);
      for (const { id } of nodes) kafka.signal(id, 'SIGKILL');
      const ended = workers.filter((worker) => worker.zone === zone).map((worker) => worker.ended);
      for (const worker of workers) if (worker.zone === zone) worker.signal('SIGKILL');
      await Promise.all(ended);
      return async () => {
        await network.forgetConnections(zone);
        await network.heal(zone);
        await Promise.all(nodes.map(({ id }) => kafka.end(id, 'SIGKILL').then(() => kafka.startNode(id))));
      };
    },
  };
}

function ailZone(zone: ZoneName, ailment: Ailment): Fault {
  return {
    name: `${zone}: ${ailment}`,
    lastsMs: 15_000,
    longestGapMs: ZONE_GAP,
    begin: async ({ network }) => {
      await network.ail(zone, ailment);
      return () => network.heal(zone);
    },
  };
}

function receiver(name: string, change: (receiver: TwoZoneHub['receiver']) => void): Fault {
  return {
    name: `the receiver ${name}`,
    lastsMs: 8_000,
    begin: ({ receiver: one }) => {
      change(one);
      return Promise.resolve(() => {
        one.options.reply = 'AA';
        one.options.delayMs = 0;
      });
    },
  };
}

function misbehaviour(name: string, kind: keyof TwoZoneHub['misbehaviour'], share: number): Fault {
  return {
    name,
    lastsMs: 8_000,
    longestGapMs: ZONE_GAP,
    begin: (hub: TwoZoneHub) => {
      hub.misbehaviour[kind] = share;
      return Promise.resolve(() => {
        hub.misbehaviour[kind] = 0;
      });
    },
  };
}

/** Streams that no listener may take, and messages that it must reject or the transformer can't map. */
export function poison(): Buffer[] {
  const phw = samples.phw.toString('latin1').replace(/^(MSH(?:\|[^|]*){8})\|[^|]*/, '$1|poison-1');
  return [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.alloc(64 * 1024),
    encodeFrame(Buffer.from('')),
    encodeFrame(Buffer.from('MSH')),
    encodeFrame(Buffer.from('MSH|^~\\&|252')),
    encodeFrame(Buffer.from(phw.replace('|252|', '|999|'), 'latin1')),
    // Taken by the listener, and more than the mapping can read.
    encodeFrame(Buffer.from(phw.replace('2026-03-04 09:15:27', 'yesterday'), 'latin1')),
  ];
}

const poisonedStreams: Fault = {
  name: 'poison messages',
  lastsMs: 5_000,
  longestGapMs: ZONE_GAP,
  begin: async (hub) => {
    const addresses = [...hub.listeners.values()].flat();
    for (const bytes of poison())
      await Promise.all(addresses.map((address) => writeAndLeave(address, bytes)));
    return nothing;
  },
};

const rollingRestart: Fault = {
  name: 'rolling restart of all workers',
  lastsMs: 0,
  longestGapMs: LESSER_GAP,
  begin: async ({ workers }) => {
    const restart = async (worker: ZoneWorker): Promise<void> => {
      const { ended } = worker;
      worker.signal('SIGTERM');
      await ended;
      while (!worker.running) await sleep(50);
    };
    for (const role of ROLES) {
      for (const worker of workers) if (worker.stage.role === role) await restart(worker);
    }
    return nothing;
  },
};

/** One after another, the next when all is as before. */
function rollNodes(ofRole: KafkaNode['role']): Fault {
  return {
    name: `rolling restart of all ${ofRole}s`,
    lastsMs: 0,
    longestGapMs: LESSER_GAP,
    begin: async (hub) => {
      for (const { id, role } of KAFKA_NODES) {
        if (role !== ofRole) continue;
        await hub.kafka.end(id, 'SIGTERM');
        await hub.kafka.startNode(id);
        await hub.recovered();
      }
      return nothing;
    },
  };
}

/** What all else is held against. */
const noFault: Fault = {
  name: 'nothing',
  lastsMs: 30_000,
  longestGapMs: LESSER_GAP,
  begin: () => Promise.resolve(nothing),
};

/** Every fault that there is, each once. */
export const FAULTS: readonly Fault[] = [
  noFault,
  ...ROLES.map((role) => signalWorker(role, 'SIGKILL', ['SIGKILL'], 5_000)),
  ...ROLES.map((role) => signalWorker(role, 'SIGSTOP', ['SIGSTOP', 'SIGCONT'], 15_000)),
  signalNode('broker', 'SIGKILL'),
  signalNode('broker', 'SIGSTOP'),
  signalNode('controller', 'SIGKILL'),
  signalNode('controller', 'SIGSTOP'),
  signalZoneWatch('SIGKILL', ['SIGKILL']),
  signalZoneWatch('SIGSTOP', ['SIGSTOP', 'SIGCONT']),
  fullDisk,
  ...ROLES.map(jumpClock),
  ...ZONE_NAMES.map(cutZone),
  unwatchedCut,
  ...ZONE_NAMES.map(killZone),
  ailZone('zone-a', 'nothing-leaves'),
  ailZone('zone-b', 'nothing-arrives'),
  ailZone('zone-a', 'lossy'),
  ailZone('zone-b', 'slow'),
  receiver('is slow', ({ options }) => (options.delayMs = 200)),
  receiver('refuses', ({ options }) => (options.reply = 'AE')),
  receiver('is half-open: it reads and answers nothing', ({ options }) => (options.reply = 'none')),
  receiver('closes after reading', ({ options }) => (options.reply = 'close')),
  {
    name: 'the receiver is away',
    lastsMs: 8_000,
    begin: async (hub: TwoZoneHub) => {
      await hub.receiver.kill();
      return async () => {
        await hub.receiver.start();
      };
    },
  },
  misbehaviour('senders send half messages', 'halfMessages', 0.2),
  misbehaviour('senders do not read acknowledgements', 'unreadAcknowledgements', 0.2),
  misbehaviour('senders repeat what was acknowledged', 'repetitions', 0.2),
  poisonedStreams,
  rollingRestart,
  rollNodes('broker'),
  rollNodes('controller'),
];

/** The fault of a name. @throws Error where there is none */
export function fault(name: string): Fault {
  const found = FAULTS.find((one) => one.name === name);
  if (!found)
    throw new Error(`there is no fault "${name}"; there are: ${FAULTS.map((one) => one.name).join(', ')}`);
  return found;
}
