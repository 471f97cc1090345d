import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Message } from '../message/message.js';
import { type Finding, MOST_FINDINGS } from './finding.js';
import { SchemaSets } from './schema-set.js';
import { isValid, validate } from './validate.js';
import { validateByReference, validateBytes } from './validate-by-reference.js';

const ROOT = path.join(import.meta.dirname, '../../..');
const sets = SchemaSets.open(path.join(ROOT, 'schemas'));
const phw = sets.get('phw');

const MSH = 'MSH|^~\\&|252|252|100|100|2026-03-04 09:15:27||ADT^A31^ADT_A05|1|P|2.5';
/** With a time as the standard has it. */
const plain = MSH.replace('2026-03-04 09:15:27', '20260304091527');
const EVN = 'EVN||20260304091500';
const PID = 'PID|||1002003^^^252^PI||PRITCHARD^Mair||19840229|F';
const PD1 = 'PD1|||^^W95041^|G9701321';
const PV1 = 'PV1||U';

function message(...segments: readonly string[]): Buffer {
  return Buffer.from(segments.join('\r'));
}

/** What both engines say, errors only; they must say the same number of things. */
function errors(...segments: readonly string[]): string[] {
  const texts = validateBytes(message(...segments), phw).filter(({ severity }) => severity === 'error');
  const reference = validateBytes(message(...segments), phw, { onlyReference: true });
  expect(isValid(reference), 'reference').to.equal(texts.length === 0);
  return texts.map((finding) => finding.message);
}

function warnings(findings: readonly Finding[]): string[] {
  return findings.filter(({ severity }) => severity === 'warning').map((finding) => finding.message);
}

describe('validation', () => {
  it('names a segment that is missing, and after which', () => {
    expect(errors(MSH, EVN, PID, PD1)).to.deep.equal(['ADT_A05: segment PV1 is missing after PD1']);
    expect(errors(MSH, PID, PD1, PV1)).to.deep.equal(['ADT_A05: segment EVN is missing after MSH']);
    expect(errors(MSH, EVN, PID, 'PV2|', 'OBX|1||a||||||||F')).to.deep.equal([
      'ADT_A05: segment PV1 is missing after PID',
    ]);
    expect(errors(MSH)).to.deep.equal([
      'ADT_A05: segment EVN is missing after MSH',
      'ADT_A05: segment PID is missing after MSH',
      'ADT_A05: segment PV1 is missing after MSH',
    ]);
  });

  it('names a segment that comes again, out of order or from nowhere', () => {
    expect(errors(MSH, EVN, PID, PID, PV1)).to.deep.equal([
      'ADT_A05: segment PID, number 4 of the message, is not expected after PID: expected PD1, ROL, NK1 or PV1',
    ]);
    expect(errors(MSH, EVN, PD1, PID, PV1)).to.deep.equal([
      'ADT_A05: segment PD1, number 3 of the message, is not expected after EVN: expected PID',
    ]);
    expect(errors(MSH, EVN, PID, 'QQQ|1', PV1)).to.deep.equal([
      'ADT_A05: segment QQQ, number 4 of the message, is not one of the structure: leave it out, or name it with a Z',
    ]);
  });

  it('lets Z segments stand after any segment and hold anything', () => {
    const z = 'ZZZ|a^b&c~d|||';
    expect(errors(MSH, z, EVN, z, z, PID, z, PV1, z, 'IN1|1|a|b', z, 'IN2|', z)).to.deep.equal([]);
  });

  it('follows groups: PATIENT of a merge, IN1 and what belongs to it', () => {
    const merge = MSH.replace('A31^ADT_A05', 'A40^ADT_A39');
    const patient = [PID, PD1, 'MRG|7^^^252^PI'];
    expect(errors(merge, EVN, ...patient, PV1, ...patient)).to.deep.equal([]);
    expect(errors(merge, EVN, ...patient, PID)).to.deep.equal(['ADT_A39: segment MRG is missing after PID']);
    expect(errors(merge, EVN, PID, PID, 'MRG|7')).to.have.length(1);
    expect(
      errors(MSH, EVN, PID, PV1, 'IN1|1|a|b', 'IN2|', 'IN3|1', 'IN3|2', 'IN1|2|a|b', 'ACC|'),
    ).to.deep.equal([]);
    expect(errors(MSH, EVN, PID, PV1, 'IN2|')).to.deep.equal(['ADT_A05: segment IN1 is missing after PV1']);
  });

  it('finds the structure by MSH-9.3, else by the trigger', () => {
    const withType = (type: string): string => MSH.replace('ADT^A31^ADT_A05', type);
    for (const type of ['ADT^A28', 'ADT^A31', 'ADT^A05', 'ADT^A04', 'ADT^A08', 'ADT^A01']) {
      expect(errors(withType(type), EVN, PID, PV1), type).to.deep.equal([]);
    }
    expect(errors(withType('ADT^A40'), EVN, PID, 'MRG|7')).to.deep.equal([]);
    for (const [type, text] of [
      ['ADT^A03', 'No structure ADT_A03. Schema set phw has ADT_A01, ADT_A05, ADT_A39'],
      ['', 'MSH-9 names neither a structure nor a trigger. Schema set phw has ADT_A01, ADT_A05, ADT_A39'],
    ] as const) {
      const [finding, ...others] = validateBytes(message(withType(type), EVN, PID, PV1), phw);
      expect(others).to.deep.equal([]);
      expect(finding).to.include({
        code: 'STRUCTURE_UNKNOWN',
        segment: 'MSH',
        segmentIndex: 0,
        field: 9,
        message: text,
      });
    }
    const pims = sets.get('pims');
    const a40 = message(plain.replace('ADT^A31^ADT_A05', 'ADT^A40^ADT_A40'), EVN, PID, 'MRG|7');
    expect(isValid(validateBytes(a40, pims))).to.equal(true);
    expect(isValid(validateBytes(a40, pims, { onlyReference: true }))).to.equal(true);
  });

  it('wants a value, not only separators, where one is required', () => {
    const empty = 'PID|||^^^&~||""';
    expect(errors(MSH, 'EVN|', empty, 'PV1')).to.deep.equal([
      'EVN-2: empty: expected a value (Recorded Date/Time)',
      'PID-3: empty: expected a value (Patient Identifier List)',
      'PV1-2: empty: expected a value (Patient Class)',
    ]);
    expect(errors(MSH.replace('|1|P|2.5', '|||'), EVN, PID, PV1)).to.deep.equal([
      'MSH-10: empty: expected a value (Message Control ID)',
      'MSH-11: empty: expected a value (Processing ID)',
      'MSH-12: empty: expected a value (Version ID)',
    ]);
  });

  it('says what a value is not and what it looks like, without showing it', () => {
    const withBirth = (date: string): string => PID.replace('19840229', date);
    const date =
      'not a date with or without a time (YYYYMMDDHHMMSS, or less from the right, and a zone like +0100)';
    expect(errors(MSH, EVN, withBirth('19841332'), PV1)).to.deep.equal([
      `PID-7: ${date}: 8 digits that are no date of the calendar`,
    ]);
    expect(errors(MSH, EVN, withBirth('19830229'), PV1)).to.have.length(1);
    expect(errors(MSH, EVN, withBirth('SECRETS'), PV1)).to.deep.equal([`PID-7: ${date}: 7 letters`]);
    expect(errors(MSH, EVN, withBirth('1984-02-29'), PV1)).to.deep.equal([
      `PID-7: ${date}: 10 characters: digits and signs`,
    ]);
    expect(errors(MSH, EVN, PID, PV1, 'OBX|x||a||||||||F|', 'OBX|1||a||||||no~5||F')).to.deep.equal([
      'OBX-1: not a sequence number (1 to 4 digits): 1 letter',
      'OBX[2]-9: not a number: 2 letters',
      'OBX[2]-9[2]: occurs 2 times: expected one value',
    ]);
    for (const good of [
      '',
      '""',
      '1984',
      '198402',
      '19840229',
      '1984022912',
      '19840229123000.5+0100',
      '20000229',
    ]) {
      expect(errors(MSH, EVN, withBirth(good), PV1), good).to.deep.equal([]);
    }
    for (const bad of ['19000229', '198413', '1984022924', '19840229+1', '1984022912300', ' 19840229']) {
      expect(errors(MSH, EVN, withBirth(bad), PV1), bad).to.have.length(1);
    }
  });

  it('leaves MSH-7 and PID-29 of PHW, which are no times of the standard, to its mapping', () => {
    expect(errors(MSH, EVN, `${PID}${'|'.repeat(21)}RESURREC`, PV1)).to.deep.equal([]);
    expect(errors(MSH, EVN, `${PID}${'|'.repeat(25)}2026-03-04`, PV1)).to.have.length(1);
    expect(isValid(validateBytes(message(MSH, EVN, PID, PV1), sets.get('mosaiq')))).to.equal(false);
  });

  it('takes the open zones of PIMS, a wds message without PV1, and NK1 in a Chemocare merge', () => {
    const open = message(plain, EVN, PID.replace('19840229', '19840229+'), PV1);
    expect(isValid(validateBytes(open, sets.get('pims')))).to.equal(true);
    expect(isValid(validateBytes(open, sets.get('paris')))).to.equal(false);
    for (const [name, valid] of [
      ['wds', true],
      ['mosaiq', false],
    ] as const) {
      for (const onlyReference of [false, true]) {
        const findings = validateBytes(message(plain, EVN, PID, 'ROL||AD|a|b', 'AL1|1||a'), sets.get(name), {
          onlyReference,
        });
        expect(isValid(findings), name).to.equal(valid);
      }
    }
    const merge = message(plain.replace('A31^ADT_A05', 'A40'), EVN, PID, 'NK1|1', 'NK1|2', 'MRG|7');
    expect(isValid(validateBytes(merge, sets.get('chemo')))).to.equal(true);
    expect(isValid(validateBytes(merge, sets.get('mosaiq')))).to.equal(false);
  });

  it('warns of what the standard does not define, and keeps it valid', () => {
    const bytes = message(MSH, EVN, PID, PV1, `AL1|1||a^b^c^d^e^f^g|||||x`, 'NTE');
    expect(warnings(validateBytes(bytes, phw))).to.deep.equal([
      'AL1-3.7: beyond the definition of CE: at most 6 parts',
      'AL1-8: beyond the definition of AL1: at most 6 parts',
    ]);
    const parts = message(MSH, EVN, PID.replace('|F', '|F^x').replace('Mair', 'Mair & Co'), PV1);
    expect(validateBytes(parts, phw).map((finding) => finding.message)).to.deep.equal([
      'PID-5.2: has parts: expected one value, without parts (ST)',
      'PID-8: has parts: expected one value, without parts (IS)',
    ]);
  });

  it('checks lengths and tables as the flow chooses', () => {
    const bytes = message(MSH, EVN, PID.replace('|F', '|Female'), PV1, 'AL1|1||a^b^c^d^e^f');
    expect(validateBytes(bytes, phw)).to.deep.equal([]);
    for (const strictness of ['warning', 'error'] as const) {
      const findings = validateBytes(bytes, phw, { lengths: strictness, tables: strictness });
      expect(
        findings.map((finding) => `${finding.severity} ${finding.code} ${finding.message}`),
      ).to.deep.equal([
        `${strictness} TOO_LONG PID-8: 6 characters: expected at most 1 character`,
        `${strictness} NOT_IN_TABLE PID-8: not in table HL70001: expected A, F, M, N, O or U`,
        `${strictness} NOT_IN_TABLE AL1-3.3: not in table HL70396: expected a value of HL70396`,
        `${strictness} NOT_IN_TABLE AL1-3.6: not in table HL70396: expected a value of HL70396`,
      ]);
    }
    const lengths = validateBytes(message(MSH, EVN, PID.replace('|F', '|é'), PV1), phw, { lengths: 'error' });
    expect(lengths).to.deep.equal([]);
  });

  it('finds control characters, which must come as escapes', () => {
    const text = 'PID-5: holds a control character: the sender must escape it as \\Xhh\\';
    expect(errors(MSH, EVN, PID.replace('Mair', 'Ma\u0000ir'), PV1)).to.deep.equal([text]);
    expect(errors(MSH, EVN, PID.replace('Mair', 'Ma\uffffir'), PV1)).to.deep.equal([text]);
    expect(errors(MSH, EVN, PID.replace('Mair', 'Ma\tir\u0085'), PV1)).to.deep.equal([]);
    expect(errors(MSH, EVN, PID, PV1, 'ZZZ|\u0007')).to.have.length(1);
  });

  it('says of bytes that are no message why not', () => {
    const [finding, ...others] = validateBytes(Buffer.from('hello'), phw);
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ severity: 'error', code: 'NOT_PARSED', segment: 'MSH', segmentIndex: 0 });
    expect(finding?.message).to.include('first three bytes are not MSH');
  });

  it('gives each finding its place', () => {
    const bytes = message(
      MSH,
      EVN,
      PID.replace('19840229', 'x'),
      PV1,
      'ZZZ',
      'OBX|1||a||||||||F||',
      'AL1|1||a',
      'AL1|2||a|||2x',
    );
    const place = { severity: 'error', code: 'VALUE_INVALID', repetition: 1, component: undefined };
    const findings = validateBytes(bytes, phw);
    expect(findings[0]).to.include({ ...place, segment: 'PID', segmentIndex: 2, field: 7 });
    expect(findings[1]).to.include({ ...place, segment: 'AL1', segmentIndex: 7, field: 6 });
    expect(findings[1]?.message).to.match(/^AL1\[2\]-6: /);
    const deep = message(MSH, EVN, PID.replace('252^PI', '252^PI^^x~1^^^^^^20260230'), PV1);
    expect(validateBytes(deep, phw).map(({ message: text }) => text.slice(0, 12))).to.deep.equal([
      'PID-3.7: not',
      'PID-3[2].7: ',
    ]);
    const [reference] = validateBytes(deep, phw, { onlyReference: true });
    expect(reference).to.include({ segment: 'PID', segmentIndex: 2, field: 3, repetition: 1, component: 7 });
  });

  it('never shows the value of a field', () => {
    const fields = (name: string): string => `${name}${'|SECRET^SECRET&SECRET~SECRET'.repeat(70)}`;
    const names = ['EVN', 'PID', 'PD1', 'OBX', 'QQQ', 'ZZZ', 'PV1', 'AL1', 'IN1'];
    const bytes = message(MSH, ...names.map(fields));
    const findings = [
      ...validateBytes(bytes, phw, { lengths: 'error', tables: 'error' }),
      ...validateBytes(bytes, phw, { onlyReference: true }),
    ];
    expect(findings).to.have.length.above(200);
    expect(JSON.stringify(findings)).not.to.include('SECRET');
  });

  it('keeps no more findings than it says, and the first error always', () => {
    const warned = `AL1|1||a|||${'|x'.repeat(3000)}`;
    const bytes = message(MSH, EVN, PID, PV1, warned, 'AL1|x||a');
    const findings = validateBytes(bytes, phw);
    expect(findings).to.have.length(MOST_FINDINGS);
    expect(findings.filter(({ severity }) => severity === 'error')).to.have.length(1);
  });

  it('takes messages of a megabyte in a moment, whatever they are made of', function () {
    this.timeout(240_000);
    const start = [MSH, EVN, PID, PV1].join('\r');
    const size = 2 ** 20;
    const pieces = [
      'PV2\r',
      'OBX|1\r',
      'SFT\r',
      'QQQ\r',
      'ZZZ\r',
      'IN2\r',
      'PID|\r',
      '|',
      '|a',
      '~',
      'a~',
      '^',
      'a^',
      'a&',
      '\\',
      '\\T\\',
      '1',
    ];
    for (const piece of pieces) {
      const bytes = Buffer.from(`${start}\rDB1|1||${piece.repeat(size / piece.length)}`);
      const parsed = Message.parse(bytes);
      const before = performance.now();
      const valid = isValid(validate(parsed, phw));
      expect(performance.now() - before, piece).to.be.lessThan(5_000);
      expect(isValid(validateByReference(parsed, phw)), piece).to.equal(valid);
    }
  });

  it('validates the ten-segment message of the benchmark', () => {
    const bytes = readFileSync(path.join(ROOT, 'bench/messages/adt-a31-ten-segments.hl7'));
    expect(validateBytes(bytes, phw).filter(({ severity }) => severity === 'error')).to.deep.equal([]);
  });
});
