/** What every role of a worker is to the process that runs it. */
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import type { Traces } from './telemetry/traces.js';

export interface Worker {
  /** Connects and begins. Rejects when it can't, for example where a port is taken. */
  start(): Promise<void>;
  /** Takes nothing new, finishes what it took, and ends. */
  stop(): Promise<void>;
  /** Whether it can do its work now. */
  readonly ready: boolean;
}

export interface WorkerParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly traces: Traces;
  /** Ends the process, which is then started anew: after a fault that leaves a client in doubt. */
  readonly onFatal: (error: unknown) => void;
}
