/** Loaded before a worker, makes its clock jump; loaded otherwise, says how that is done. */

/** Makes the clock jump: an hour ahead, then behind, then to what is right. */
export const JUMP = 'SIGUSR2';
/** For Node's `--import`. */
export const jumpingClock = import.meta.url;

const HOUR = 3_600_000;

/** Shifts what this process takes for the time of day; monotonic clocks stay as they are, as in a real jump. */
function jumpOnSignal(): void {
  const RealDate = Date;
  const offsets = [0, HOUR, -HOUR];
  let jumps = 0;
  const now = (): number => RealDate.now() + offsets[jumps % offsets.length]!;
  globalThis.Date = new Proxy(RealDate, {
    apply: () => new RealDate(now()).toString(),
    construct: (_, words: unknown[]) =>
      words.length === 0 ? new RealDate(now()) : (Reflect.construct(RealDate, words) as Date),
    get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
  });
  process.on(JUMP, () => (jumps += 1));
}

if (process.execArgv.includes(jumpingClock)) jumpOnSignal();
