/** The HL7 engine and those of other languages, each in a process of its own, in turns on the same message. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtInSchemaSet, isValid, Message, toXml, validate } from '@integration-hub/hl7';
import { readChangeWrite } from './hl7.js';
import type { SectionSettings } from './road/bed.js';
import { runJava } from './road/java-peer.js';
import { runPython } from './road/python-peer.js';
import { comparison, type Comparison, perSecond } from './side-by-side.js';

const message = fileURLToPath(new URL('../messages/adt-a31-ten-segments.hl7', import.meta.url));
const sample = fileURLToPath(new URL('../../manifests/flows/samples/phw-to-mpi.hl7', import.meta.url));
const structure = fileURLToPath(new URL('../../schemas/phw/ADT_A05.xsd', import.meta.url));

/**
 * All figures of this section.
 *
 * @throws Error where a peer does not write the message that ours does, or finds the sample not valid
 */
export async function compareParsers({
  seconds,
  rounds,
  onProgress,
}: SectionSettings): Promise<Comparison[]> {
  const directory = await mkdtemp(join(tmpdir(), 'ihub-bench-'));
  try {
    const bytes = await readFile(sample);
    const set = builtInSchemaSet('phw');
    const valid = (): boolean => isValid(validate(Message.parse(bytes), set));
    if (!valid()) throw new Error('the PHW sample is not valid');
    const xml = join(directory, 'sample.xml');
    await writeFile(xml, toXml(Message.parse(bytes), set));
    const written = readChangeWrite().toString();
    const time = String(seconds);
    const turns = [
      {
        name: 'parse–read–write',
        peer: 'HAPI 2.6',
        run: readChangeWrite,
        theirs: () => runJava('hapi', 'bench.Parser', [message, time, time]),
        expected: written,
      },
      {
        name: 'parse–read–write',
        peer: 'hl7apy 1.3.5',
        run: readChangeWrite,
        theirs: () => runPython(['parse', message, time]),
        expected: written,
      },
      {
        name: 'validation',
        peer: 'xmlschema 4.1.0, of XML',
        run: valid,
        theirs: () => runPython(['validate', structure, xml, time]),
        expected: 'valid',
      },
    ];
    const comparisons: Comparison[] = [];
    for (const { name, peer, run, theirs, expected } of turns) {
      const found: { ours: number; peer: number }[] = [];
      for (let round = 0; round < rounds; round += 1) {
        perSecond({ name, run }, 500); // Warm-up.
        const ours = perSecond({ name, run }, seconds * 1_000);
        found.push({ ours, peer: rateOf(peer, await theirs(), expected) });
        onProgress(`${name}, ${peer}, round ${round + 1}`);
      }
      comparisons.push(comparison(name, 'messages/s', peer, found));
    }
    return comparisons;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Reads what a peer has printed: its result, and on the last line how often a second it came to that. */
function rateOf(peer: string, printed: string, expected: string): number {
  const at = printed.trimEnd().lastIndexOf('\n');
  if (printed.slice(0, at).trimEnd() !== expected.trimEnd()) {
    throw new Error(`${peer} does not come to the same result`);
  }
  return Number(printed.slice(at));
}
