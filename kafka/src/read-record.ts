import type { KafkaMessage } from 'kafkajs';
import type { IncomingRecord } from './record.js';

/** A record as we hand it on, of a message as kafkajs does. */
export function readRecord(topic: string, partition: number, message: KafkaMessage): IncomingRecord {
  const headers: Record<string, Buffer> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    headers[name] = Buffer.isBuffer(last) ? last : Buffer.from(last ?? '');
  }
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    value: message.value ?? Buffer.alloc(0),
    headers,
  };
}
