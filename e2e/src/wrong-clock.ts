/** For Node's `--import`: the clock of a process is wrong by IHUB_CLOCK_OFFSET_MS from its start. */
import { shiftClock } from './shifted-clock.js';

const offsetMs = Number(process.env['IHUB_CLOCK_OFFSET_MS']);
shiftClock(() => offsetMs);
