/**
 * A process that runs replays, for tests that kill it: `node runner-under-test.js` with its settings as JSON in the
 * variable SETTINGS.
 */
import { Archive, type DatabaseAddress } from '@integration-hub/store';
import { ReplayRunner } from './replay-runner.js';

/** Keys are in base64. */
export interface RunnerSettings {
  readonly servers: readonly string[];
  readonly namespace: string;
  readonly database: DatabaseAddress;
  readonly key: string;
}

const { servers, namespace, database, key } = JSON.parse(process.env['SETTINGS'] ?? '') as RunnerSettings;
const keys = [Buffer.from(key, 'base64')];
const archive = new Archive({
  database,
  contentKeys: keys,
  identifierKeys: keys,
  identifierPolicy: 'Hashed',
});
const runner = new ReplayRunner({
  connection: { bootstrapServers: servers, clientId: `runner-${process.pid}` },
  namespace,
  archive: () => Promise.resolve(archive),
  leaseMs: 1_000,
  log: (level, message, fields) => {
    if (level === 'warn' || level === 'error') console.error(message, fields);
  },
});
runner.start();
process.once('SIGTERM', () => {
  void runner
    .stop()
    .then(() => archive.close())
    .then(() => process.exit(0));
});
