import type { Message } from './message.js';

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

  /** How many segments of a name there are up to a place, which is counted from 0 and included. */
  upTo(name: string, place: number): number {
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
