/**
 * `make bench`: ours and the peers side by side. `--json` prints an object a line, `--plot FILE` draws the rates as
 * SVG; `--seconds`, `--rounds` and `--connections` are of the sections that run a whole road.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareEndToEnd } from './end-to-end.js';
import { compareHl7 } from './hl7.js';
import { plot } from './plot.js';
import type { Comparison } from './side-by-side.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
    seconds: { type: 'string', default: '10' },
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

const sections: Record<string, () => Comparison[] | Promise<Comparison[]>> = {
  hl7: compareHl7,
  'end-to-end': () => compareEndToEnd(settings),
};

for (const name of positionals) {
  if (!(name in sections)) {
    console.error(`bench: there is no section "${name}"; use one of: ${Object.keys(sections).join(', ')}`);
    process.exit(2);
  }
}
const all: Comparison[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(sections)) {
  if (!values.json) console.log(name);
  for (const comparison of await sections[name]!()) {
    print(comparison);
    all.push(comparison);
  }
}
if (values.plot !== undefined) writeFileSync(values.plot, plot(all));

function print(comparison: Comparison): void {
  if (values.json) {
    console.log(JSON.stringify(comparison));
    return;
  }
  const { name, ours, peer, peerValue, ratio, spread, unit } = comparison;
  const number = (value: number): string =>
    value.toLocaleString('en', value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
  console.log(
    `  ${name.padEnd(46)} ${number(ours).padStart(10)} ${unit.padEnd(10)}  ${peer.padEnd(24)} ${number(peerValue).padStart(10)}` +
      `  ${ratio.toFixed(2)} times (${spread[0].toFixed(2)}–${spread[1].toFixed(2)})`,
  );
}
