/**
 * The operator program: `ihub-operator --worker-image IMAGE`, with the credentials of its pod or of KUBECONFIG.
 *
 * Exit codes: 0 stopped as asked; 1 another leads now, or a fault left it in doubt (start it again);
 * 2 its configuration is wrong (starting it again won't help).
 */
import { KubeConfig } from '@kubernetes/client-node';
import { createLog, type Log } from '@integration-hub/workers';
import { ConfigurationError, readConfiguration, type Configuration } from './configuration.js';
import { Operator } from './operator.js';

const stopDeadlineMs = 20_000;

function configure(): { configuration: Configuration; kubeConfig: KubeConfig } {
  try {
    const configuration = readConfiguration(process.argv.slice(2), process.env);
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromDefault();
    return { configuration, kubeConfig };
  } catch (error) {
    const text = error instanceof ConfigurationError ? error.message : `no credentials: ${String(error)}`;
    process.stderr.write(`ihub-operator: ${text}\n`);
    process.exit(2);
  }
}

/** Ends the process once the log is written. */
function exit(log: Log, code: number): void {
  log.once('finish', () => process.exit(code));
  log.end();
  setTimeout(() => process.exit(code), 1_000).unref();
}

const { configuration, kubeConfig } = configure();
const log = createLog(configuration['log-level'], { identity: configuration.identity });

const onFatal = (error: unknown): void => {
  const fields =
    error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) };
  log.error('this process is in doubt and ends, to be started anew', fields);
  exit(log, 1);
};
process.on('uncaughtException', onFatal);
process.on('unhandledRejection', onFatal);

const operator = new Operator({
  configuration,
  kubeConfig,
  log,
  environment: process.env,
  onDeposed: () => {
    log.error('another process leads now, or the Lease could not be renewed in time');
    // At once: whatever is in hand must not be written any more.
    exit(log, 1);
  },
});

let stopping = false;
const stop = (signal: string): void => {
  if (stopping) return;
  stopping = true;
  log.info('stopping', { signal });
  setTimeout(() => onFatal(new Error('the stop took too long')), stopDeadlineMs).unref();
  operator.stop().then(() => exit(log, 0), onFatal);
};
process.once('SIGTERM', () => stop('SIGTERM'));
process.once('SIGINT', () => stop('SIGINT'));

const httpPort = await operator.start();
log.info('started', { httpPort });
