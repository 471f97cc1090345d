/** `make bench`: ours and the peers side by side. `--json` prints an object a line. */
import { compareHl7 } from './hl7.js';
import type { Comparison } from './side-by-side.js';

const sections: Record<string, () => Comparison[]> = { hl7: compareHl7 };

const json = process.argv.includes('--json');
const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
for (const name of chosen) {
  if (!(name in sections)) {
    console.error(`bench: there is no section "${name}"; use one of: ${Object.keys(sections).join(', ')}`);
    process.exit(2);
  }
}
for (const name of chosen.length > 0 ? chosen : Object.keys(sections)) {
  if (!json) console.log(name);
  for (const comparison of sections[name]!()) print(comparison);
}

function print(comparison: Comparison): void {
  if (json) {
    console.log(JSON.stringify(comparison));
    return;
  }
  const { name, ours, peer, peerValue, ratio, spread, unit } = comparison;
  const number = (value: number): string => Math.round(value).toLocaleString('en');
  console.log(
    `  ${name.padEnd(28)} ${number(ours).padStart(10)} ${unit}  ${peer.padEnd(24)} ${number(peerValue).padStart(10)}` +
      `  ${ratio.toFixed(1)} times (${spread[0].toFixed(1)}–${spread[1].toFixed(1)})`,
  );
}
