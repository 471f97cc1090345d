export * from './mllp/frame-decoder.js';
export * from './mllp/mllp-error.js';
