import type { Message } from './message.js';

/** A place in a message; numbers from 1, but for the segment's. */
export interface MessagePlace {
  readonly segment: string;
  /** The segment's position in the message, from 0; of a missing one, that of the segment before it. */
  readonly segmentIndex: number;
  /** Undefined where the whole segment is meant. */
  readonly field: number | undefined;
  readonly repetition: number | undefined;
  readonly component: number | undefined;
  readonly subcomponent: number | undefined;
}

/** Where a message has segments of each name. Made in one walk, for a message may have very many. */
export class SegmentOccurrences {
  readonly #places = new Map<string, number[]>();

  constructor(message: Message) {
    for (const { name, index } of message.segments()) {
      const places = this.#places.get(name);
      if (places === undefined) this.#places.set(name, [index]);
      else places.push(index);
    }
  }

  /** A path as parsePath reads it, with no more than is needed: `PID-7`, `OBX[2]-5[3].1`, `PV1`. */
  pathOf({ segment, segmentIndex, field, repetition, component, subcomponent }: MessagePlace): string {
    const occurrence = this.#upTo(segment, segmentIndex);
    let path = occurrence > 1 ? `${segment}[${occurrence}]` : segment;
    if (field === undefined) return path;
    path += `-${field}`;
    if (repetition !== undefined && repetition > 1) path += `[${repetition}]`;
    if (component !== undefined) path += `.${component}`;
    if (component !== undefined && subcomponent !== undefined) path += `.${subcomponent}`;
    return path;
  }

  /** How many segments of a name there are up to a place, which is counted from 0 and included. */
  #upTo(name: string, place: number): number {
    const places = this.#places.get(name) ?? [];
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[middle]! <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
