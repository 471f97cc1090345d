export * from './broker/broker-error.js';
export * from './broker/embedded-broker.js';
export * from './broker/fetch-kafka.js';
export type * from './connection.js';
export * from './gathering-producer.js';
export * from './kafka-error.js';
export type { IncomingRecord, OutgoingRecord } from './record.js';
export * from './topic-admin.js';
