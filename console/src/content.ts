/** What is in a message, for those who may see it. */
import {
  explainMessage,
  Message,
  MessageError,
  messageDifference,
  namesOf,
  type ParseOptions,
} from '@integration-hub/hl7';
import type { Content, Difference } from './api.js';

/** @param bytes a message; what is none can't be laid out */
export function contentOf(bytes: Buffer, options: ParseOptions): Content {
  let message: Message;
  try {
    message = Message.parse(bytes, options);
  } catch (error) {
    if (error instanceof MessageError) return { withheld: 'unreadable' };
    throw error;
  }
  return {
    segments: explainMessage(message, namesOf(message.version)).map(({ path, name, places }) => ({
      id: path.slice(0, 3),
      path,
      ...(name !== undefined && { name }),
      fields: places.map((place) => ({
        path: place.path,
        number: Number(/-(\d+)/.exec(place.path)?.[1]),
        depth: place.depth,
        ...(place.name !== undefined && { name: place.name }),
        ...(place.value !== undefined && { value: place.value }),
        ...(place.meaning !== undefined && { meaning: place.meaning }),
      })),
    })),
  };
}

/** What differs in a message that was written from the one that was received. */
export function differencesOf(received: Buffer, written: Buffer, options: ParseOptions): Difference[] {
  return messageDifference(received, written, options).map(({ path, expected, got }) => ({
    path,
    ...(expected !== '' && { from: expected }),
    ...(got !== '' && { to: got }),
  }));
}
