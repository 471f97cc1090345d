/**
 * What spans say, by OpenTelemetry's conventions for messaging and for Kafka
 * (https://opentelemetry.io/docs/specs/semconv/messaging/kafka/). Of a message's fields MSH-3, MSH-9 and MSH-10 only.
 */
import type { MessageDescription } from '@integration-hub/api';
import type { Message } from '@integration-hub/hl7/messages';
import type { IncomingRecord } from '@integration-hub/kafka';
import type { SpanAttributes } from './traces.js';

type Named = Pick<MessageDescription, 'flow' | 'correlationId' | 'controlId' | 'healthBoard' | 'peer'>;

/** Of a message: whose it is. */
export function aboutMessage({ flow, correlationId, controlId, healthBoard, peer }: Named): SpanAttributes {
  return {
    'ihub.flow': flow,
    'messaging.message.conversation_id': correlationId,
    'hl7.control_id': controlId,
    ...(healthBoard !== '' && { 'ihub.health_board': healthBoard }),
    ...(peer !== '' && { 'ihub.peer': peer }),
  };
}

/** Of a message that has come over MLLP; what can't be read of it is left out. */
export function aboutReceived(
  description: Named,
  message: Message | undefined,
  bytes: number,
): SpanAttributes {
  return {
    ...aboutMessage(description),
    'network.protocol.name': 'mllp',
    'messaging.message.body.size': bytes,
    ...(message !== undefined && {
      'hl7.sending_application': message.sendingApplication,
      'hl7.message_type': [message.messageCode, message.trigger].filter((text) => text !== '').join('^'),
    }),
  };
}

/** Of a record that is written. */
export function aboutSent(topic: string): SpanAttributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'send',
    'messaging.operation.type': 'send',
    'messaging.destination.name': topic,
  };
}

/** Of a record that is read, and what is done with it. */
export function aboutRead(
  { topic, partition, offset }: Pick<IncomingRecord, 'topic' | 'partition' | 'offset'>,
  group: string,
): SpanAttributes {
  return {
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': topic,
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': Number(offset),
    'messaging.consumer.group.name': group,
  };
}
