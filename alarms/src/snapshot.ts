/** What whoever measures tells the evaluator. What is not known now is left out: it neither begins nor ends an alarm. */
import type { AlertSettings } from '@integration-hub/api';

/** What is measured of one flow, destination or Hub. */
export interface Measurement {
  readonly kind: AlertSettings['kind'];
  readonly name: string;
  /**
   * Messages since the former snapshot. Of a flow: those received, and those of them rejected or set aside by its
   * transformer. Of a destination: tries to deliver, and those of them that did not succeed.
   */
  readonly messages?: { readonly handled: number; readonly failed: number };
  /** Age of the oldest message that waits, in seconds; 0 where none waits. */
  readonly oldestWaitingSeconds?: number;
  /** Messages that wait. */
  readonly backlog?: number;
  /** When the last message came, in milliseconds since 1970. */
  readonly lastReceivedAt?: number;
  /** Dead letters that are neither replayed nor dropped. */
  readonly deadLetters?: number;
  /** Zones in which a stage has no ready worker, or Kafka no broker; empty where each has. */
  readonly missingZones?: readonly string[];
  /** Whether it works, and if not, why not, without patient data. */
  readonly readiness?: { readonly ready: boolean; readonly reason?: string };
  /** Of a Hub: age of the oldest record that is not archived, in seconds; 0 where none waits. */
  readonly archiveLagSeconds?: number;
}

export interface Snapshot {
  /** Milliseconds since 1970; grows from snapshot to snapshot. */
  readonly at: number;
  /** Of all that is watched. What is not here any more has no alarms. */
  readonly settings: readonly AlertSettings[];
  readonly measurements: readonly Measurement[];
}
