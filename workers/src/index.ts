/** What runners of workers need: the program to start, and a check of its configuration before they start it. */
export { checkConfiguration } from './check.js';
export { compileAcceptance, type Verdict } from './listener/acceptance.js';
export { compileAnyValidation } from './listener/reference-validation.js';
export { readExposition, type Sample } from './exposition.js';
export { Health } from './health.js';
export { createLog, errorShape, type Log } from './log.js';
export { Metrics } from './metrics.js';
export { workerEnvironment, workerModules, workerNodeOptions, workerProgram } from './program.js';
export { parseHeaders } from './telemetry/otlp-headers.js';
export { startTelemetry, type Telemetry } from './telemetry/telemetry.js';
export { noTraces, type Traces } from './telemetry/traces.js';
export { kafkaConnection, readKafkaTls } from './kafka-connection.js';
export { checkTlsTexts, readTlsFiles, TlsFilesError, type TlsMaterial } from './tls-files.js';
