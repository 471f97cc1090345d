/** Names of Kafka topics. Resource names hold no dots, so the parts can't run into each other. */

/** What a flow's listener has stored and its transformer has yet to take. */
export const receivedTopic = (namespace: string, flow: string): string =>
  `ihub.${namespace}.${flow}.received`;

/** What a destination's sender has to deliver, of all flows. */
export const outboundTopic = (namespace: string, destination: string): string =>
  `ihub.${namespace}.${destination}.outbound`;

/** What a flow or destination could not process. */
export const deadLetterTopic = (namespace: string, flowOrDestination: string): string =>
  `ihub.${namespace}.${flowOrDestination}.dead-letter`;

/** Which messages a flow's transformer has passed on, so that it knows those that come again. */
export const deduplicationTopic = (namespace: string, flow: string): string =>
  `ihub.${namespace}.${flow}.deduplication`;

/** What the stages tell of messages. */
export const eventsTopic = (namespace: string): string => `ihub.${namespace}.events`;

/** What listeners have refused that may be an attack or a broken set-up. */
export const securityTopic = (namespace: string): string => `ihub.${namespace}.security`;

/** Who has read, replayed, dropped and silenced what in the console. */
export const auditTopic = (namespace: string): string => `ihub.${namespace}.audit`;

/** What is asked of replays, and how far each has come. */
export const replaysTopic = (namespace: string): string => `ihub.${namespace}.replays`;
