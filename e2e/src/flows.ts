/** The shipped flows, as the suites run them: with their samples, on ports of the test, with a test's patience. */
import { readFileSync } from 'node:fs';

function shipped(path: string): Buffer {
  return readFileSync(new URL(`../../manifests/flows/${path}`, import.meta.url));
}

export const samples = {
  phw: shipped('samples/phw-to-mpi.hl7'),
  phwDeath: shipped('samples/phw-to-mpi.death.hl7'),
  paris: shipped('samples/paris-to-mpi.hl7'),
};

export interface FlowSettings {
  /** null: no throttle. */
  readonly messagesPerMinute?: number | null;
  readonly ackTimeout?: string;
  readonly retryInitial?: string;
  readonly retryMax?: string;
  readonly onRefusal?: 'DeadLetter' | 'Retry';
  readonly storeTimeout?: string;
  readonly onReject?: 'Close' | 'Nak';
  /** Path of the field that orders the Paris flow; absent: one order for the flow. */
  readonly orderBy?: string;
  /** Connections to the receiver; default 1. */
  readonly connections?: number;
}

/** Both flows (phw-to-mpi on 2575, paris-to-mpi on 2577) and their destination (2576). */
export function flows(settings: FlowSettings = {}): string {
  const { messagesPerMinute = null, storeTimeout = '30s', onReject = 'Close' } = settings;
  const listener = `maxMessageSize: 1Mi\n    storeTimeout: ${storeTimeout}\n    onReject: ${onReject}\n    mllp:`;
  const phw = shipped('phw-to-mpi.yaml').toString().replace('mllp:', listener);
  let paris = shipped('paris-to-mpi.yaml').toString().replace('mllp:', listener);
  if (settings.orderBy !== undefined) {
    paris = paris.replace('spec:\n', `spec:\n  ordering:\n    by: Field\n    path: ${settings.orderBy}\n`);
  }
  let mpi = shipped('mpi.yaml')
    .toString()
    .replace('host: localhost', `host: 127.0.0.1\n    connections: ${settings.connections ?? 1}`)
    .replace('ackTimeout: 30s', `ackTimeout: ${settings.ackTimeout ?? '30s'}`)
    .replace('initial: 5s', `initial: ${settings.retryInitial ?? '200ms'}`)
    .replace('max: 15m', `max: ${settings.retryMax ?? '2s'}`)
    .replace('DeadLetter', settings.onRefusal ?? 'DeadLetter');
  mpi =
    messagesPerMinute === null
      ? mpi.replace(/ {2}throttle:\n.*\n/, '')
      : mpi.replace('messagesPerMinute: 600', `messagesPerMinute: ${messagesPerMinute}`);
  return [phw, paris, mpi].join('\n---\n');
}

/** What the PHW mapping makes of the PHW sample: its MSH-7 in HL7's form, empty ends cut off. */
export function phwAsDelivered(sent: Buffer): Buffer {
  return Buffer.from(
    sent
      .toString('latin1')
      .replace('2026-03-04 09:15:27', '20260304091527')
      .replace('2026-03-04 09:20:00', '20260304092000')
      .replace('RESURREC', '""')
      .replace('^^W95041^|', '^^W95041|'),
    'latin1',
  );
}
