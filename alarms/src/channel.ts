import type { Thresholds } from '@integration-hub/api';
import type { AlarmMessage } from './message.js';

/** One who is told. */
export interface Channel {
  /** For logs, such as `webhook pager`. */
  readonly name: string;
  readonly leastSeverity: Thresholds['errorRate']['severity'];
  /** Resolves once the other side has taken the message over. */
  send(message: AlarmMessage): Promise<void>;
}
