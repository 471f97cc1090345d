/** Sends stored messages again: for the command, the console, and the archivist, which does it. */
export * from './replay-asking.js';
export * from './replay-error.js';
export * from './replay-requests.js';
export * from './replay-runner.js';
export * from './replays.js';
