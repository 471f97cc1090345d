/** What `ihub up` shows on a terminal: every flow and destination, its stages, ports and counts, on one screen. */
import pico from 'picocolors';
import type { LocalHub } from './local-hub.js';
import type { WorkerProcess } from './worker-process.js';

const colours = {
  starting: pico.yellow,
  running: pico.green,
  restarting: pico.red,
  stopping: pico.yellow,
  stopped: pico.dim,
} as const;

/**
 * @param columns width of the terminal
 * @returns the screen's lines
 */
export function drawScreen(hub: LocalHub, columns: number): string[] {
  const rows = hub.workers.map((worker) => row(hub, worker));
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  const lines = rows.map((cells, index) => {
    const { state } = hub.workers[index]!;
    const padded = cells.map((cell, column) => cell.padEnd(widths[column]!));
    padded[1] = colours[state](padded[1]);
    return padded.join('  ').trimEnd();
  });
  return [
    `${pico.bold('Integration Hub')}  Kafka ${hub.bootstrapServers.join(', ')}  ${pico.dim('Ctrl-C stops')}`,
    '',
    ...lines.map((line) => (pico.isColorSupported ? line : line.slice(0, columns))),
  ];
}

function row(hub: LocalHub, worker: WorkerProcess): string[] {
  const { stage, state, restarts } = worker;
  const restarted = restarts === 0 ? '' : ` (started again ${restarts} ${restarts === 1 ? 'time' : 'times'})`;
  return [stage.name, state + restarted, place(worker), countsText(hub, worker)];
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
  }
}

/** A stage's counts in words. */
export function countsText(hub: LocalHub, worker: WorkerProcess): string {
  const counts = hub.counts(worker);
  const shown = {
    listener: `received ${counts.received}, acknowledged ${counts.acknowledged}, rejected ${counts.rejected}`,
    transformer: `transformed ${counts.transformed}, dead letters ${counts.deadLetters}`,
    sender: `sent ${counts.sent}, failed tries ${counts.failures}, dead letters ${counts.deadLetters}`,
  };
  return shown[worker.stage.role];
}
