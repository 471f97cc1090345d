/** What `ihub up` shows on a terminal: every flow and destination, its stages, ports and counts, on one screen. */
import { colours } from './colours.js';
import type { Backlogs, Waiting } from './backlogs.js';
import type { LocalHub } from './local-hub.js';
import type { Counts } from './worker-counts.js';
import type { WorkerProcess } from './worker-process.js';

const paints = {
  starting: colours.yellow,
  running: colours.green,
  restarting: colours.red,
  stopping: colours.yellow,
  stopped: colours.dim,
} as const;

/**
 * @param data the folder of `ihub up`
 * @param columns width of the terminal
 * @returns the screen's lines
 */
export function drawScreen(hub: LocalHub, backlogs: Backlogs, data: string, columns: number): string[] {
  const rows = hub.workers.map((worker) => row(hub, backlogs, worker));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells, index) => {
    const { state } = hub.workers[index]!;
    const padded = cells.map((cell, column) => cell.padEnd(widths[column]!));
    padded[1] = paints[state](padded[1]);
    return padded.join('  ').trimEnd();
  });
  return [
    `${colours.bold('Integration Hub')}  Kafka ${hub.bootstrapServers.join(', ')}  ${colours.dim('Ctrl-C stops')}`,
    '',
    ...lines.map((line) => (colours.isColorSupported ? line : line.slice(0, columns))),
    ...(hub.consoleUrl === undefined ? [] : ['', `console  ${hub.consoleUrl}`]),
    ...deadLettersHint(hub, data),
  ];
}

function deadLettersHint(hub: LocalHub, data: string): string[] {
  const number = hub.workers.reduce((sum, worker) => sum + hub.counts(worker).deadLetters, 0);
  if (number === 0) return [];
  const option = data === '.ihub' ? '' : ` --data ${data}`;
  return ['', `${number} dead ${number === 1 ? 'letter' : 'letters'}: ihub dead-letters list${option}`];
}

function row(hub: LocalHub, backlogs: Backlogs, worker: WorkerProcess): string[] {
  const { stage, state, restarts } = worker;
  const restarted = restarts === 0 ? '' : ` (started again ${restarts} ${restarts === 1 ? 'time' : 'times'})`;
  const log = restarts === 0 ? '' : `, log: ${worker.logFile}`;
  return [stage.name, state + restarted, place(worker), countsText(hub, backlogs, worker) + log];
}

/** Where a stage meets the world. */
export function place({ stage: { configuration } }: WorkerProcess): string {
  switch (configuration.role) {
    case 'listener':
      return `listens on ${configuration.listen.host}:${configuration.listen.port}`;
    case 'transformer':
      return `mapping ${configuration.mapping}`;
    case 'sender':
      return `delivers to ${configuration.mllp.host}:${configuration.mllp.port}`;
    case 'archivist':
      return `PostgreSQL on port ${configuration.database.port}`;
    case 'console':
      return `http://localhost:${configuration.listen.port}`;
  }
}

/** A stage's counts in words, with what waits before it and the codes of what went wrong. */
export function countsText(hub: LocalHub, backlogs: Backlogs, worker: WorkerProcess): string {
  const counts = hub.counts(worker);
  const { received, acknowledged, transformed, sent } = counts;
  const rejected = withCodes(counts, 'rejected');
  const failures = withCodes(counts, 'failures');
  const deadLetters = withCodes(counts, 'deadLetters');
  const waiting = waitingText(backlogs.waiting(worker.stage));
  const shown = {
    listener: `received ${received}, acknowledged ${acknowledged}, rejected ${rejected}`,
    transformer: `${waiting}transformed ${transformed}, dead letters ${deadLetters}`,
    sender: `${waiting}sent ${sent}, failed tries ${failures}, dead letters ${deadLetters}`,
    archivist: `archived ${counts.archived}`,
    console: '',
  };
  return shown[worker.stage.role];
}

function waitingText(waiting: Waiting | undefined): string {
  if (waiting === undefined) return '';
  return `waiting ${waiting.isExact ? '' : 'at most '}${waiting.messages}, `;
}

/** `3 (BAD_VERSION 2, NOT_HL7)` */
function withCodes(counts: Counts, count: 'rejected' | 'failures' | 'deadLetters'): string {
  const codes = Object.entries(counts.codes[count] ?? {}).filter(([, value]) => value > 0);
  if (codes.length === 0) return String(counts[count]);
  const texts = codes.map(([code, value]) => (value === 1 ? code : `${code} ${value}`));
  return `${counts[count]} (${texts.join(', ')})`;
}
