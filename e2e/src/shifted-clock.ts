/** Shifts what this process takes for the time of day; monotonic clocks stay as they are, as when a real one jumps. */
export function shiftClock(offsetMs: () => number): void {
  const RealDate = Date;
  const now = (): number => RealDate.now() + offsetMs();
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (_, words: unknown[]) =>
      words.length === 0 ? new RealDate(now()) : (Reflect.construct(RealDate, words) as Date),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
}
