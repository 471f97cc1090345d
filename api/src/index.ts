/** Resource types, their defaults, and the plan made from them. Imports nothing of ours and does no I/O. */
export * from './alert-notifications.js';
export * from './alert-override.js';
export * from './alert-texts.js';
export * from './alerts.js';
export * from './audit-event.js';
export * from './dead-letter-mark.js';
export { celKey, type CelValidation } from './cel-rule.js';
export * from './console-configuration.js';
export * from './destination.js';
export * from './effective-alerts.js';
export * from './event.js';
export * from './hub.js';
export * from './hub-kafka.js';
export * from './integration-flow.js';
export * from './message-record.js';
export * from './message-replay.js';
export { apiVersion, resourceName } from './metadata.js';
export * from './plan.js';
export * from './problem.js';
export * from './quantity.js';
export * from './replay-record.js';
export * from './resources.js';
export * from './status.js';
export * from './security-event.js';
export { secretsFolder, type SecretUse } from './tls.js';
export * from './topic-names.js';
export * from './worker-configuration.js';
export {
  archiveAccess,
  type ArchiveAccess,
  contentPolicy,
  type KafkaAccess,
  type KafkaLibrary,
  saslMechanism,
  type SaslMechanism,
} from './worker-parts.js';
export * from './working-hours.js';
