/** Things that are lent one user at a time, in the order in which they were asked for. */
export class Pool<Item> {
  readonly #free: Item[];
  readonly #waiting: ((item: Item) => void)[] = [];

  constructor(items: readonly Item[]) {
    this.#free = [...items].reverse();
  }

  /** Works with an item that nobody else uses meanwhile. Of those that are free, the one used last is taken. */
  async with<Result>(work: (item: Item) => Promise<Result>): Promise<Result> {
    const item = this.#free.pop() ?? (await new Promise<Item>((turn) => this.#waiting.push(turn)));
    try {
      return await work(item);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(item);
      else next(item);
    }
  }
}
