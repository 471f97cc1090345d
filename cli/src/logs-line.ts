/** One line of a worker's log: what it says, whether it is wanted, and how it reads. */
import type { Colours } from './colours.js';

/** A line as it was written, and where and when. */
export interface LogLine {
  /** The pod, or on a laptop the stage. */
  readonly source: string;
  /** Milliseconds, as Date.now(). Of a line that is no JSON: when the one before it was written. */
  readonly time: number;
  readonly text: string;
}

/** From the gravest on. */
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof LEVELS)[number];

export interface LogFilter {
  /** The least level that is wanted. */
  readonly level: Level;
  readonly correlationId?: string;
  /** MSH-10. */
  readonly controlId?: string;
}

type Entry = Readonly<Record<string, unknown>>;

/** What a line of JSON holds; undefined where it is none, as what Node writes when a process crashes. */
export function readEntry(text: string): Entry | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Entry;
  } catch {
    return undefined;
  }
}

/** When a line says that it was written, in milliseconds; undefined where it does not say. */
export function timeOf(text: string): number | undefined {
  const { timestamp } = readEntry(text) ?? {};
  const time = typeof timestamp === 'string' ? Date.parse(timestamp) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Whether a line passes. One that is no JSON has no level and may be a crash: it passes unless a message is asked for. */
export function isWanted(text: string, { level, correlationId, controlId }: LogFilter): boolean {
  const entry = readEntry(text);
  if (entry === undefined) return correlationId === undefined && controlId === undefined;
  const rank = LEVELS.indexOf(entry['level'] as Level);
  return (
    rank <= LEVELS.indexOf(level) &&
    (correlationId === undefined || entry['correlationId'] === correlationId) &&
    (controlId === undefined || entry['controlId'] === controlId)
  );
}

/** What every line of a stage says, and so none has to. */
const SAID = new Set(['level', 'message', 'timestamp', 'stage', 'role', 'namespace', 'flow', 'destination']);
const WIDEST_LEVEL = 5;

/**
 * A line for people: time in UTC, level, where it is from, what happened, and the rest as `name=value`.
 *
 * @param width of the longest source
 */
export function readableLine({ source, time, text }: LogLine, width: number, colours: Colours): string {
  const entry = readEntry(text);
  const head = `${colours.dim(new Date(time).toISOString())} `;
  if (entry === undefined) return `${head}${''.padEnd(WIDEST_LEVEL)} ${source.padEnd(width)}  ${shown(text)}`;
  const level = String(entry['level']);
  const paint = { error: colours.red, warn: colours.yellow, debug: colours.dim }[level] ?? String;
  const rest = Object.entries(entry)
    // A sender's lines name the flow, which differs from line to line.
    .filter(([name]) => !SAID.has(name) || (name === 'flow' && entry['role'] === 'sender'))
    .map(([name, value]) => ` ${colours.dim(`${name}=`)}${shown(valueText(value))}`);
  const said = `${paint(level.toUpperCase().padEnd(WIDEST_LEVEL))} ${source.padEnd(width)}`;
  return `${head}${said}  ${shown(String(entry['message']))}${rest.join('')}`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** A sender of messages chooses MSH-10: what it holds must not steer the terminal. */
function shown(text: string): string {
  return text.replaceAll(
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u001f\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
