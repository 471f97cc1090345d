/** Alarms: thresholds held against what is measured, and those who are told. Imports api only. */
export * from './alarm.js';
export * from './evaluate.js';
export * from './notifier.js';
export * from './snapshot.js';
export { signatureOf } from './webhook.js';
