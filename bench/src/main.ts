/**
 * `make bench`: ours and the peers side by side. `--json` prints an object a line, `--plot FILE` draws the rates as
 * SVG; `--seconds`, `--rounds` and `--connections` are of the sections that run a whole road, `--messages` of the
 * backlog and the store.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareBacklog } from './backlog.js';
import { compareClients } from './clients.js';
import { compareEndToEnd } from './end-to-end.js';
import type { Figure } from './figure.js';
import { compareHl7 } from './hl7.js';
import { plot } from './plot.js';
import { compareListener, compareSizes } from './listener.js';
import { compareListeners } from './listeners.js';
import type { Comparison } from './side-by-side.js';
import { measureStore } from './store.js';
import { compareParsers } from './parsers.js';
import { comparePartitions } from './partitions.js';
import { compareProducers } from './producers.js';
import { measureFlows } from './flows.js';
import { measureSustained } from './sustained.js';
import { compareTelemetry } from './telemetry.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    messages: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '100' },
  },
});
const settings = {
  seconds: Number(values.seconds),
  rounds: Number(values.rounds),
  connections: Number(values.connections),
  onProgress: (sentence: string): void => console.error(`  ${sentence}`),
};

const messages = values.messages === undefined ? undefined : Number(values.messages);

const sections: Record<string, () => Comparison[] | Promise<Comparison[]>> = {
  hl7: compareHl7,
  parsers: () => compareParsers(settings),
  listener: () => compareListener(settings),
  sizes: () => compareSizes(settings),
  producers: () => compareProducers(settings),
  clients: () => compareClients(settings),
  listeners: () => compareListeners(settings),
  partitions: () => comparePartitions(settings),
  backlog: () => compareBacklog(settings, messages),
  'end-to-end': () => compareEndToEnd(settings),
  telemetry: () => compareTelemetry(settings),
};

/** What has no peer to be held against. */
const measurements: Record<string, () => Promise<Figure[]>> = {
  store: () => measureStore(settings.seconds, messages ?? 1_000_000, settings.onProgress),
  sustained: () => measureSustained(settings),
  flows: () => measureFlows(settings),
};
const names = [...Object.keys(sections), ...Object.keys(measurements)];

for (const name of positionals) {
  if (!names.includes(name)) {
    console.error(`bench: there is no section "${name}"; use one of: ${names.join(', ')}`);
    process.exit(2);
  }
}
const all: Comparison[] = [];
for (const name of positionals.length > 0 ? positionals : names) {
  if (!values.json) console.log(name);
  for (const comparison of (await sections[name]?.()) ?? []) {
    print(comparison);
    all.push(comparison);
  }
  for (const figure of (await measurements[name]?.()) ?? []) printFigure(figure);
}
if (values.plot !== undefined) writeFileSync(values.plot, plot(all));

function printFigure(figure: Figure): void {
  if (values.json) console.log(JSON.stringify(figure));
  else {
    const { name, value, unit } = figure;
    console.log(`  ${name.padEnd(46)} ${number(value).padStart(10)} ${unit}`);
  }
}

function number(value: number): string {
  const precision = value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 };
  return value.toLocaleString('en', precision);
}

function print(comparison: Comparison): void {
  if (values.json) {
    console.log(JSON.stringify(comparison));
    return;
  }
  const { name, ours, peer, peerValue, ratio, spread, unit } = comparison;
  console.log(
    `  ${name.padEnd(46)} ${number(ours).padStart(10)} ${unit.padEnd(10)}  ${peer.padEnd(24)} ${number(peerValue).padStart(10)}` +
      `  ${ratio.toFixed(2)} times (${spread[0].toFixed(2)}–${spread[1].toFixed(2)})`,
  );
}
