/** What tests and tools use of the `ihub` command: the hub on one machine, and the mock receiver. */
export { IhubProcess } from './ihub-process.js';
export { LocalHub, type LocalHubOptions, plainKafka } from './local-hub.js';
export { readManifests, type Manifests } from './manifests.js';
export * from './mock-receiver.js';
export { WorkerProcess, type WorkerState } from './worker-process.js';
