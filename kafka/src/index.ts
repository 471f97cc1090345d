export * from './broker/broker-error.js';
export * from './broker/embedded-broker.js';
export * from './broker/fetch-kafka.js';
