import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { agreed, mutated, Random } from './agreement.js';
import type { CompositeType, DataType, Particle } from './model.js';
import { type SchemaSet, SchemaSets } from './schema-set.js';
import { isValid } from './validate.js';
import { validateBytes } from './validate-by-reference.js';

const ROOT = path.join(import.meta.dirname, '../../..');
const sets = SchemaSets.open(path.join(ROOT, 'schemas'));

/** The samples and the set of the flow that each comes by. */
const SAMPLES: readonly (readonly [string, string])[] = [
  ['phw-to-mpi', 'phw'],
  ['phw-to-mpi.death', 'phw'],
  ['paris-to-mpi', 'paris'],
  ['chemocare-to-mpi', 'chemo'],
  ['pims-to-mpi', 'pims'],
  ['pims-to-mpi.merge', 'pims'],
  ['mosaiq-to-mpi', 'mosaiq'],
  ['mpi-outbound', 'phw'],
  ['mpi-outbound', 'wds'],
];

function sample(name: string): Buffer {
  return readFileSync(path.join(ROOT, 'manifests/flows/samples', `${name}.hl7`));
}

const samples = SAMPLES.map(([name, set]) => ({ name, bytes: sample(name), set: sets.get(set) }));
const seed = Number(process.env['HL7_SEED'] ?? Date.now() % 1_000_000_000);

describe('the two validation engines', function () {
  this.timeout(240_000);

  for (const { name, bytes, set } of samples) {
    it(`find ${name} valid by the set ${set.name}`, () => {
      expect(agreed(bytes, set)?.filter((finding) => finding.severity === 'error')).to.deep.equal([]);
    });
  }

  it(`agree on 4,000 spoiled messages (HL7_SEED=${seed})`, () => {
    const verdicts = { valid: 0, invalid: 0, unparsed: 0 };
    for (let number = 0; number < 4000; number++) {
      const random = new Random(seed + number);
      const { bytes, set } = random.pick(samples);
      const findings = agreed(mutated(bytes, random), set);
      verdicts[findings === undefined ? 'unparsed' : isValid(findings) ? 'valid' : 'invalid']++;
    }
    expect(verdicts.valid).to.be.greaterThan(400);
    expect(verdicts.invalid).to.be.greaterThan(1500);
  });

  it(`find 400 messages valid that are made from the structures (HL7_SEED=${seed})`, () => {
    for (let number = 0; number < 400; number++) {
      const random = new Random(seed + number);
      const set = sets.get(random.pick(sets.names));
      const message = madeFrom(set, random.pick(set.structures), random);
      const findings = agreed(message, set)?.filter((finding) => finding.severity === 'error');
      expect(findings, `${set.name} ${message.toString()}`).to.deep.equal([]);
    }
  });

  it('agree on whatever separators, character sets and texts', () => {
    const separators = fc.constantFrom(
      '|^~\\&',
      '|^~\\&#',
      '#*+?!',
      '|^~',
      '|^',
      '!"<>\'',
      '$-.:;',
      '&|^~\\',
    );
    const names = fc.constantFrom(
      'EVN',
      'PID',
      'PD1',
      'PV1',
      'NK1',
      'OBX',
      'ROL',
      'MRG',
      'PR1',
      'IN1',
      'ZAB',
      'QQQ',
    );
    // Letters stand for the separators of whichever message they get into.
    const atoms = [
      'C',
      'R',
      'S',
      'E',
      'T',
      'a',
      '""',
      '1',
      '20240229',
      '20230229',
      ' ',
      'é',
      '€',
      '<',
      '&',
      '|',
      '.',
    ];
    const field = fc.array(fc.constantFrom(...atoms), { maxLength: 6 });
    const segments = fc.array(fc.tuple(names, fc.array(field, { maxLength: 12 })), { maxLength: 8 });
    const charsets = fc.constantFrom('', 'UNICODE UTF-8', '8859/15', 'WINDOWS-1252');
    const set = fc.constantFrom(...sets.names);
    fc.assert(
      fc.property(separators, charsets, segments, set, (own, charset, body, name) => {
        const bytes = written(own, charset, body);
        agreed(bytes, sets.get(name));
      }),
      { numRuns: 1500, seed },
    );
  });

  it('do not crash, hang or grow on 100,000 spoiled messages, and name a place in each that is not valid', () => {
    const before = process.memoryUsage().rss;
    let places = 0;
    for (let number = 0; number < 100_000; number++) {
      const random = new Random(seed + number);
      const { bytes, set } = random.pick(samples);
      const findings = validateBytes(mutated(bytes, random), set);
      for (const finding of findings) {
        expect(finding.segment).to.match(/^[A-Z][A-Z0-9]{2}$/);
        expect(finding.segmentIndex).to.be.at.least(0);
        expect(finding.message).not.to.equal('');
        places++;
      }
    }
    expect(places).to.be.greaterThan(100_000);
    expect(process.memoryUsage().rss - before).to.be.lessThan(200 * 2 ** 20);
  });
});

/** A message of a structure that has what it must and, by chance, what it may. */
function madeFrom(set: SchemaSet, structureName: string, random: Random): Buffer {
  const { structure } = set.load(structureName);
  const segments: string[] = [];
  const walk = (particle: Particle): void => {
    const most = Math.min(particle.max, particle.min + random.below(3));
    for (let times = 0; times < most; times++) {
      if (particle.kind === 'segment') segments.push(segmentOf(particle.type, structureName, random));
      else if (particle.kind === 'any') segments.push(random.pick(['ZZZ', 'ZPD|1|a^b&c~d', 'Z01|']));
      else if (particle.kind === 'group') walk(particle.content);
      else if (particle.kind === 'sequence') particle.items.forEach(walk);
    }
  };
  walk(structure.content);
  return Buffer.from(segments.join('\r'));
}

function segmentOf(type: CompositeType, structureName: string, random: Random): string {
  if (type.name === 'MSH') {
    return `MSH|^~\\&|A|B|C|D|20260304091500||ADT^A00^${structureName}|1|P|2.5`;
  }
  const fields = type.parts.map((part, index) => {
    if (part === undefined || (!type.required.includes(index + 1) && random.chance(70))) return '';
    const times = part.max === 1 ? 1 : 1 + random.below(Math.min(part.max, 3));
    return Array.from({ length: times }, () => valueOf(part.type, random, 0)).join('~');
  });
  if (type.open && random.chance(10)) fields.push('beyond^the&definition');
  return [type.name, ...fields].join('|');
}

function valueOf(type: DataType, random: Random, level: number): string {
  if (type.kind === 'any') return random.pick(['x', 'x^y', 'x&y^z']);
  if (type.kind === 'text') {
    const { patterns = [] } = type.check ?? {};
    const values = [
      'Llan\\T\\fair',
      '""',
      '5',
      '1',
      '20240229',
      '202403041200+0100',
      'RESURREC',
      '1200',
      '-1.5',
    ];
    const fitting = values.filter((value) => patterns.every((pattern) => pattern.test(value)));
    return random.pick(fitting);
  }
  if (level === 2) return valueOf(type.parts[0]!.type, random, level);
  const filled = 1 + random.below(type.parts.length);
  const parts = type.parts.slice(0, filled).map((part, index) => {
    return index + 1 < filled && random.chance(50) ? '' : valueOf(part!.type, random, level + 1);
  });
  return parts.join(level === 0 ? '^' : '&');
}

function written(
  own: string,
  charset: string,
  body: readonly (readonly [string, readonly (readonly string[])[]])[],
): Buffer {
  const [field = '', component = '', repetition = '', escape = '', subcomponent = ''] = Array.from(own);
  const stands: Record<string, string> = {
    C: component,
    R: repetition,
    S: subcomponent,
    E: escape,
    T: `${escape}T${escape}`,
  };
  const type = `ADT${component}A31${component}ADT_A05`;
  const msh = [
    'MSH',
    own.slice(1),
    'A',
    'B',
    'C',
    'D',
    '2026',
    '',
    type,
    '1',
    'P',
    '2.5',
    '',
    '',
    '',
    '',
    '',
    charset,
  ];
  const segments = body.map(([name, fields]) => {
    return [name, ...fields.map((atoms) => atoms.map((atom) => stands[atom] ?? atom).join(''))].join(field);
  });
  const text = [msh.join(field), ...segments].join('\r');
  return Buffer.from(text, charset.startsWith('8859') || charset.startsWith('WIN') ? 'latin1' : 'utf8');
}
