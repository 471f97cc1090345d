/** Loaded before a worker, makes its clock jump; loaded otherwise, says how that is done. */
import { shiftClock } from '../shifted-clock.js';

/** Makes the clock jump: an hour ahead, then behind, then to what is right. */
export const JUMP = 'SIGUSR2';
/** For Node's `--import`. */
export const jumpingClock = import.meta.url;

const HOUR = 3_600_000;

function jumpOnSignal(): void {
  const offsets = [0, HOUR, -HOUR];
  let jumps = 0;
  shiftClock(() => offsets[jumps % offsets.length]!);
  process.on(JUMP, () => (jumps += 1));
}

if (process.execArgv.includes(jumpingClock)) jumpOnSignal();
