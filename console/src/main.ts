/**
 * The console's program: `ihub-console --config FILE` serves it until it is told to stop.
 *
 * Exit codes are the workers': 0 stopped as asked; 1 it could not start, or is in doubt; 2 its configuration is wrong.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { type ConsoleConfiguration, consoleConfiguration } from '@integration-hub/api';
import { createLog, errorShape, Health, type Log, Metrics } from '@integration-hub/workers';
import { z } from 'zod';
import { ArchiveReader } from './archive-reader.js';
import { Audit } from './audit.js';
import { OverrideAnnotation } from './override-annotation.js';
import { OverrideFile } from './override-file.js';
import { createServer } from './server.js';
import { Watch } from './watch.js';

const loopback = '127.0.0.1';

function wrong(sentence: string): never {
  process.stderr.write(`ihub-console: ${sentence}\n`);
  process.exit(2);
}

function readConfiguration(): { configuration: ConsoleConfiguration; file: string } {
  const { config } = parseArgs({ options: { config: { type: 'string' } } }).values;
  if (config === undefined) wrong('say which configuration to run: ihub-console --config FILE');
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(config, 'utf8'));
  } catch (error) {
    wrong(`${config} can't be read as JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = consoleConfiguration.safeParse(value);
  if (!parsed.success) wrong(`${config} is not a console's configuration:\n${z.prettifyError(parsed.error)}`);
  return { configuration: parsed.data, file: config };
}

async function run(configuration: ConsoleConfiguration, file: string, log: Log): Promise<void> {
  let ready = false;
  const health = new Health(() => ready, new Metrics().registry);
  const { alertOverridesFile, namespace } = configuration;
  const overrides =
    alertOverridesFile === null
      ? new OverrideAnnotation(namespace, log)
      : await OverrideFile.open(alertOverridesFile, log);
  const watch = new Watch({ configuration, file, overrides, log });
  const audit = new Audit(configuration, log);
  const archive = new ArchiveReader(configuration, log);
  const localName = userInfo().username;
  const server = await createServer({ configuration, log, watch, audit, archive, localName });

  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    ready = false;
    log.info('stopping', { signal });
    Promise.all([server.close(), watch.stop(), audit.close(), archive.close()]).then(
      () => {
        health.stop();
        log.info('stopped');
        process.exit(0);
      },
      () => process.exit(1),
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
  // Whoever started us with a channel (ihub up) is gone when it closes.
  process.once('disconnect', () => stop('disconnect'));

  const ports = await health.start(configuration.health);
  const { host, port } = configuration.listen;
  // Without a login whoever reaches it may do everything.
  const isOpen = configuration.login === null || configuration.publicUrl === null;
  await server.listen({ host: isOpen ? loopback : host, port });
  watch.start();
  ready = true;
  const listening = (server.server.address() as AddressInfo).port;
  log.info('started', { ...ports, port: listening });
  process.send?.({ started: true, ...ports, port: listening });
}

const { configuration, file } = readConfiguration();
const { stage, role, namespace } = configuration;
const log = createLog(configuration.logLevel, { stage, role, namespace });
run(configuration, file, log).catch((error: unknown) => {
  log.error(`could not start: ${error instanceof Error ? error.message : ''}`, errorShape(error));
  setTimeout(() => process.exit(1), 500);
});
