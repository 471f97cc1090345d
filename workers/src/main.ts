/**
 * The worker program: `ihub-worker --config FILE` runs one role, which the file names, until it is told to stop.
 *
 * Exit codes: 0 stopped as asked; 1 it could not start, or a fault left it in doubt (start it again);
 * 2 its configuration is wrong (starting it again won't help).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  workerConfiguration,
  type ListenerConfiguration,
  type WorkerConfiguration,
} from '@integration-hub/api';
import { z } from 'zod';
import { Health } from './health.js';
import type { Validation } from './listener/validation.js';
import { createLog, errorShape, type Log } from './log.js';
import { Metrics } from './metrics.js';
import { startTelemetry } from './telemetry/telemetry.js';
import type { Worker, WorkerParts } from './worker.js';

/** A stop that takes longer has hung; the process then ends all the same. */
const stopDeadlineMs = 90_000;

function wrong(sentence: string): never {
  process.stderr.write(`ihub-worker: ${sentence}\n`);
  process.exit(2);
}

function readConfiguration(): WorkerConfiguration {
  const { config } = parseArgs({ options: { config: { type: 'string' } } }).values;
  if (config === undefined) wrong('say which configuration to run: ihub-worker --config FILE');
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(config, 'utf8'));
  } catch (error) {
    wrong(`${config} can't be read as JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = workerConfiguration.safeParse(value);
  if (!parsed.success) wrong(`${config} is not a worker's configuration:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Loads what the role needs, and no more: schemas, mappings and the message store are others' memory. */
async function createWorker(configuration: WorkerConfiguration, parts: WorkerParts): Promise<Worker> {
  switch (configuration.role) {
    case 'listener': {
      const { Listener } = await import('./listener/listener.js');
      const validation = await createValidation(configuration.schema);
      return new Listener(configuration, parts, validation);
    }
    case 'transformer': {
      const { Transformer } = await import('./transformer/transformer.js');
      return new Transformer(configuration, parts);
    }
    case 'sender': {
      const { Sender } = await import('./sender/sender.js');
      return new Sender(configuration, parts);
    }
    case 'archivist': {
      const { Archivist } = await import('./archivist/archivist.js');
      return new Archivist(configuration, parts);
    }
  }
}

async function createValidation(schema: ListenerConfiguration['schema']): Promise<Validation | undefined> {
  if (schema === null) return undefined;
  if (!schema.onlyReference) return (await import('./listener/validation.js')).compileValidation(schema);
  return (await import('./listener/reference-validation.js')).compileAnyValidation(schema);
}

/** Ends the process where an error says that the configuration is wrong. */
async function refuseConfiguration(error: unknown): Promise<void> {
  const { configurationFault } = await import('./check.js');
  const sentence = configurationFault(error);
  if (sentence !== undefined) wrong(`the configuration of ${stage}: ${sentence}`);
}

async function run(configuration: WorkerConfiguration, log: Log): Promise<void> {
  const metrics = new Metrics(configuration.namespace);
  // Kubernetes tells it where its node’s labels are the pod’s too; else it is not known.
  const zone = process.env.IHUB_ZONE ?? '';
  metrics.started.set({ role, stage, ...subject, ...(zone !== '' && { zone }) }, Date.now() / 1_000);
  const onFatal = (error: unknown): void => {
    log.error('this process is in doubt and ends, to be started anew', errorShape(error));
    exit(log, 1);
  };
  const telemetry = await startTelemetry(configuration.telemetry, {
    service: configuration.stage,
    namespace: configuration.namespace,
    log,
    registry: metrics.registry,
    spans: metrics.spans,
  });
  const parts = { log, metrics, traces: telemetry.traces, onFatal };
  const worker = await createWorker(configuration, parts).catch(async (error: unknown) => {
    await refuseConfiguration(error);
    throw error;
  });
  let stopping = false;
  const health = new Health(() => worker.ready && !stopping, metrics.registry);

  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info('stopping', { signal });
    setTimeout(() => onFatal(new Error('the stop took too long')), stopDeadlineMs).unref();
    worker
      .stop()
      .then(() => telemetry.close())
      .then(() => {
        health.stop();
        log.info('stopped');
        exit(log, 0);
      }, onFatal);
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
  // Whoever started us with a channel (ihub up) is gone when it closes.
  process.once('disconnect', () => stop('disconnect'));
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);

  const ports = await health.start(configuration.health);
  // No message waits yet.
  giveBack();
  await worker.start();
  giveBack();
  log.info('started', ports);
  process.send?.({ started: true, ...ports });
}

/** Gives back what only loading and compiling needed: it is a fifth of the process, and would stay. */
function giveBack(): void {
  // What was compiled and is not run any more is thrown away when it has been seen so a few times.
  for (let times = 0; times < 3; times += 1) {
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }
}

/** Ends the process once the log is written. */
function exit(log: Log, code: number): void {
  log.once('finish', () => process.exit(code));
  log.end();
  setTimeout(() => process.exit(code), 1_000).unref();
}

const configuration = readConfiguration();
const { stage, role, namespace } = configuration;
const subject = {
  ...('destination' in configuration && { destination: configuration.destination }),
  ...('flow' in configuration && { flow: configuration.flow }),
};
const log = createLog(configuration.logLevel, { stage, role, namespace, ...subject });
run(configuration, log).catch((error: unknown) => {
  const text = error instanceof Error ? error.message : '';
  log.error(`could not start: ${text}`, errorShape(error));
  exit(log, 1);
});
