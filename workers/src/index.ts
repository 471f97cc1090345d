/** What runners of workers need: the program to start, and a check of its configuration before they start it. */
import { fileURLToPath } from 'node:url';

export { checkConfiguration } from './check.js';
export { compileAcceptance, type Verdict } from './listener/acceptance.js';
export { readExposition, type Sample } from './exposition.js';
export { Health } from './health.js';
export { createLog, errorShape, type Log } from './log.js';
export { Metrics } from './metrics.js';
export { startTelemetry, type Telemetry } from './telemetry/telemetry.js';
export { noTraces, type Traces } from './telemetry/traces.js';
export { readTlsFiles, TlsFilesError, type TlsMaterial } from './tls-files.js';

/**
 * Options of Node for a worker. Unless told, V8 lets what is short-lived take 48 MiB before it looks what of that is
 * still needed; a fifth of it costs no time that can be measured, and halves what a worker holds under load.
 */
export const workerNodeOptions = ['--max-semi-space-size=3'];

/** The program that runs one worker: `node <workerProgram> --config FILE`. */
export const workerProgram = fileURLToPath(new URL('main.js', import.meta.url));
