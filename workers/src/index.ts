/** What runners of workers need: the program to start, and a check of its configuration before they start it. */
import { fileURLToPath } from 'node:url';

export { checkConfiguration } from './check.js';
export { Health } from './health.js';
export { createLog, errorShape, type Log } from './log.js';
export { Metrics } from './metrics.js';
export { startTelemetry, type Telemetry } from './telemetry/telemetry.js';
export { noTraces, type Traces } from './telemetry/traces.js';
export { readTlsFiles, TlsFilesError, type TlsMaterial } from './tls-files.js';

/** The program that runs one worker: `node <workerProgram> --config FILE`. */
export const workerProgram = fileURLToPath(new URL('main.js', import.meta.url));
