/**
 * Writes the schema sets of FLOW_SETS into `schemas/`: `node hl7/dist/schema/generate-sets.js`. With `--check` it
 * writes nothing and fails when a file there is not what would be written.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FLOW_SETS } from './flow-sets.js';
import { writeSet } from './write-xsd.js';

const SCHEMAS = path.join(import.meta.dirname, '../../../schemas');

/**
 * Finds the files of the generated sets that are missing, differ or should not be there, and mends them.
 *
 * @param mend false to leave everything as it is
 * @returns their paths below `schemas/`
 */
export function staleFiles(mend: boolean, schemas = SCHEMAS): string[] {
  const stale: string[] = [];
  for (const [name, set] of Object.entries(FLOW_SETS)) {
    const folder = path.join(schemas, name);
    if (mend) mkdirSync(folder, { recursive: true });
    const files = writeSet(set);
    const present = new Map(
      xsdFiles(folder).map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]),
    );
    for (const [file, text] of files) {
      if (present.get(file) === text) continue;
      stale.push(path.join(name, file));
      if (mend) writeFileSync(path.join(folder, file), text);
    }
    for (const file of present.keys()) {
      if (files.has(file)) continue;
      stale.push(path.join(name, file));
      if (mend) rmSync(path.join(folder, file));
    }
  }
  return stale;
}

function xsdFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((file) => file.endsWith('.xsd'));
  } catch {
    return [];
  }
}

if (process.argv[1] === import.meta.filename) {
  const check = process.argv.includes('--check');
  const stale = staleFiles(!check);
  for (const file of stale) console.log(`${check ? 'stale' : 'written'}: schemas/${file}`);
  if (check && stale.length > 0) {
    console.error('Run node hl7/dist/schema/generate-sets.js and commit what it writes');
    process.exitCode = 1;
  }
}
