/** What a transformer remembers of the messages that it has passed on: a hash table in flat memory. */

/** How a message is told from others. */
export interface SeenMessage {
  /** 8 bytes that stand for its sending application and its control id. */
  readonly id: Buffer;
  /** 16 bytes that stand for all its bytes. */
  readonly digest: Buffer;
  /** Seconds since 1970. */
  readonly receivedAt: number;
}

/** Of one message: 2 of the id, 4 of the digest, 1 of the time, each of 32 bits. A time of 0 is an empty place. */
const WORDS = 7;
const TIME = 6;
/** Messages in each place, at most; with more, looking for one takes long. */
const LOAD = 0.75;
const LEAST_CAPACITY = 1_024;

/**
 * Remembers messages for a time, at 37 to 75 bytes each, and half as much again for as long as the table grows.
 *
 * Ids are the first bytes of a cryptographic hash, so they are spread evenly as they are.
 */
export class SeenMessages {
  readonly #windowSeconds: number;
  readonly #most: number;
  readonly #now: () => number;
  #words = new Uint32Array(LEAST_CAPACITY * WORDS);
  #capacity = LEAST_CAPACITY;
  #size = 0;
  #newest = 0;
  #forgotten = 0;

  /**
   * @param windowSeconds how long a message is remembered, counted by the times at which messages are received
   * @param most how many are remembered at most; where there are more, three quarters of them, the newest, and of
   *   those that came in one second all or none
   * @param now seconds since 1970; no time later than that makes older messages be forgotten
   */
  constructor(windowSeconds: number, most: number, now: () => number = () => Date.now() / 1_000) {
    this.#windowSeconds = windowSeconds;
    this.#most = most;
    this.#now = now;
  }

  /** How many places are filled; some of them may be of messages whose time is over. */
  get size(): number {
    return this.#size;
  }

  /** How many were forgotten before their time was over. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** The message with this id that was remembered last; undefined where there is none. */
  find(id: Buffer): SeenMessage | undefined {
    const at = this.#placeOf(this.#words, this.#capacity, id.readUInt32LE(0), id.readUInt32LE(4));
    if (this.#words[at + TIME] === 0) return undefined;
    const digest = Buffer.alloc(16);
    for (let word = 0; word < 4; word += 1) digest.writeUInt32LE(this.#words[at + 2 + word]!, word * 4);
    return { id, digest, receivedAt: this.#words[at + TIME]! };
  }

  /** Remembers a message in the place of one with the same id. */
  remember({ id, digest, receivedAt }: SeenMessage): void {
    const time = Math.max(1, Math.floor(receivedAt));
    this.#newest = Math.max(this.#newest, Math.min(time, Math.floor(this.#now())));
    if (this.#size + 1 > Math.min(this.#most, this.#capacity * LOAD)) this.#makeRoom();
    const [id0, id1] = [id.readUInt32LE(0), id.readUInt32LE(4)];
    const at = this.#placeOf(this.#words, this.#capacity, id0, id1);
    if (this.#words[at + TIME] === 0) this.#size += 1;
    this.#words[at] = id0;
    this.#words[at + 1] = id1;
    for (let word = 0; word < 4; word += 1) this.#words[at + 2 + word] = digest.readUInt32LE(word * 4);
    this.#words[at + TIME] = time;
  }

  /** Where a message with this id is, or is to be put. */
  #placeOf(words: Uint32Array, capacity: number, id0: number, id1: number): number {
    const mask = capacity - 1;
    let place = id0 & mask;
    for (;;) {
      const at = place * WORDS;
      if (words[at + TIME] === 0 || (words[at] === id0 && words[at + 1] === id1)) return at;
      place = (place + 1) & mask;
    }
  }

  /** Copies those whose time is not over, and of too many the newest, into a table that has room for more. */
  #makeRoom(): void {
    const former = this.#words;
    const times = new Uint32Array(this.#size);
    const horizon = this.#newest - this.#windowSeconds;
    let kept = 0;
    for (let at = 0; at < former.length; at += WORDS) {
      const time = former[at + TIME]!;
      if (time !== 0 && time > horizon) times[kept++] = time;
    }
    const least = this.#leastTime(times.subarray(0, kept), horizon);
    while (this.#capacity * LOAD < Math.min(this.#most, kept * 2)) this.#capacity *= 2;
    this.#words = new Uint32Array(this.#capacity * WORDS);
    this.#size = 0;
    for (let at = 0; at < former.length; at += WORDS) {
      const time = former[at + TIME]!;
      if (time < least || time === 0) continue;
      const to = this.#placeOf(this.#words, this.#capacity, former[at]!, former[at + 1]!);
      this.#words.set(former.subarray(at, at + WORDS), to);
      this.#size += 1;
    }
    this.#forgotten += kept - this.#size;
  }

  /** The earliest time of those that are kept. Where there are too many, a quarter of them goes. */
  #leastTime(times: Uint32Array, horizon: number): number {
    const most = Math.floor(0.75 * this.#most);
    if (times.length <= most) return horizon + 1;
    times.sort();
    return times[times.length - most - 1]! + 1;
  }
}
