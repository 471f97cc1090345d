/** The mappings of the three dialects and the same changes written by hand with @medplum/core, on ten segments each. */
import { readFileSync } from 'node:fs';
import { builtInMapping, Message } from '@integration-hub/hl7';
import { type Hl7Field, Hl7Message, Hl7Segment } from '@medplum/core';
import { compare, type Comparison } from './side-by-side.js';

/** Runs each on its own dialect's message, from what came off the wire to what goes onto it. */
export function compareMappings(): Comparison[] {
  return Object.entries(BY_HAND).map(([name, { file, byHand }]) => {
    const bytes = readFileSync(new URL(`../messages/${file}`, import.meta.url));
    const mapping = builtInMapping(name);
    const mapped = (): Buffer => mapping.map(Message.parse(bytes));
    const peer = (): Buffer => Buffer.from(byHand(Hl7Message.parse(bytes.toString())).toString());
    const [ours, theirs] = [mapped(), peer()].map((made) => made.toString().replace(/\r$/, ''));
    if (ours !== theirs)
      throw new Error(`${name} is not the same by hand:\n${ours}\n${theirs}`.replaceAll('\r', '\n'));
    return compare(
      `mapping ${name}`,
      'messages/s',
      { name, run: mapped },
      { name: '@medplum/core 5.2.13', run: peer },
    );
  });
}

const BY_HAND: Readonly<Record<string, { file: string; byHand: (message: Hl7Message) => Hl7Message }>> = {
  phw: { file: 'phw-ten-segments.hl7', byHand: phw },
  chemocare: { file: 'chemocare-ten-segments.hl7', byHand: chemocare },
  pims: { file: 'pims-ten-segments.hl7', byHand: pims },
};

function phw(message: Hl7Message): Hl7Message {
  const { header } = message;
  const [, date, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/.exec(header.getComponent(7, 1)) ?? [];
  if (date === undefined || time === undefined) throw new Error('MSH-7 is no date and time');
  header.setField(7, date.replaceAll('-', '') + time.replaceAll(':', ''));
  const pid = message.getSegment('PID');
  const death = pid?.getComponent(29, 1).trim() ?? '';
  if (death !== '') pid?.setField(29, death.toUpperCase() === 'RESURREC' ? '""' : death);
  return message;
}

const PREFIXES: Readonly<Record<string, string>> = { 224: 'VCC', 212: 'BCUCC', 192: 'SWWCC', 245: 'SEWCC' };

function chemocare(message: Hl7Message): Hl7Message {
  const { header } = message;
  if (header.getComponent(9, 2) === 'A40' || message.getSegment('MRG')) throw new Error('a merge');
  const sender = header.getComponent(3, 1);
  const msh = segment('MSH', header, {
    3: [1],
    4: [1],
    5: [1],
    6: [1],
    7: [1],
    8: [],
    9: [1, 2],
    10: [],
    11: [],
  });
  msh.setComponent(9, 3, 'ADT_A05');
  msh.setField(12, '2.5');
  for (let field = 13; field <= 21; field++) setFilled(msh, field, fieldText(header, field));
  const all: Hl7Segment[] = [msh, ...message.getAllSegments('EVN')];
  for (const source of message.getAllSegments('PID')) {
    const pid = segment('PID', source, { 1: [], 5: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 7: [], 8: [] });
    const nhs = source.getComponent(2, 1);
    const prefix = PREFIXES[sender];
    const own = prefix === undefined || nhs === '' ? '' : prefix + nhs;
    pid.setField(3, `${nhs}^^^NHS^NH~${own}^^^${sender}^PI`);
    copyParts(pid, source, { 11: [1, 2, 3, 4, 5, 7, 8] });
    const telephones = fieldText(source, 13);
    const kept = telephones.split('~').map((one) =>
      trimmed(
        one
          .split('^')
          .map((part, at) => (at === 2 ? '' : part))
          .slice(0, 4),
      ),
    );
    setFilled(pid, 13, kept.join('~'));
    copyParts(pid, source, { 14: [1, 2], 17: [1], 22: [1], 29: [1], 32: [] });
    all.push(pid);
  }
  for (const source of message.getAllSegments('PD1')) {
    all.push(segment('PD1', source, { 3: [1, 3, 4, 5, 6, 7, 8, 9], 4: [1, 2, 3, 4, 6] }));
  }
  for (const source of message.getAllSegments('NK1')) {
    all.push(segment('NK1', source, { 2: [1, 2, 7], 3: [1], 4: [1, 2, 7], 5: [1] }));
  }
  for (const name of ['PV1', 'PV2', 'OBX', 'AL1', 'DG1', 'PR1', 'GT1', 'IN1', 'IN2', 'IN3']) {
    all.push(...message.getAllSegments(name));
  }
  return new Hl7Message(all, message.context);
}

const TRIGGERS: Readonly<Record<string, readonly [string, string]>> = {
  A04: ['A28', 'ADT_A05'],
  A28: ['A28', 'ADT_A05'],
  A08: ['A31', 'ADT_A05'],
  A31: ['A31', 'ADT_A05'],
  A40: ['A40', 'ADT_A39'],
};

function pims(message: Hl7Message): Hl7Message {
  const { header } = message;
  const from = header.getComponent(9, 2).trim().toUpperCase();
  const made = TRIGGERS[from];
  if (made === undefined) throw new Error('a trigger without a mapping');
  const isVisit = from === 'A04' || from === 'A08';
  const all: Hl7Segment[] = [];
  for (const source of message.segments) {
    switch (source.name) {
      case 'MSH': {
        const msh = segment('MSH', source, { 8: [], 10: [], 11: [], 13: [], 18: [] });
        for (const [field, text] of [
          [3, '103'],
          [4, '103'],
          [5, '200'],
          [6, '200'],
          [12, '2.5'],
          [17, 'GBR'],
          [19, 'EN'],
        ] as const) {
          msh.setField(field, text);
        }
        msh.setField(7, time(source.getComponent(7, 1)));
        msh.setField(9, `ADT^${made[0]}^${made[1]}`);
        all.push(msh);
        break;
      }
      case 'EVN': {
        const evn = segment('EVN', source, { 1: [] });
        for (const field of [2, 6]) setFilled(evn, field, time(source.getComponent(field, 1)));
        all.push(evn);
        break;
      }
      case 'PID': {
        const pid = segment('PID', source, { 5: [1, 2, 3, 4, 5], 8: [], 11: [1, 2, 3, 4, 5], 14: [1] });
        const ids: string[] = [];
        const [nhs, own] = [0, 1].map((at) => source.getComponent(3, 1, 0, at).trim());
        if (nhs && source.getComponent(3, 5, 0, 0).trim().toUpperCase() === 'NI') ids.push(`${nhs}^^^NHS^NH`);
        if (own && source.getComponent(3, 5, 0, 1).trim().toUpperCase() === 'PI') ids.push(`${own}^^^103^PI`);
        setFilled(pid, 3, ids.join('~'));
        setFilled(pid, 7, time(source.getComponent(7, 1)));
        const telephones = fieldText(source, 13);
        setFilled(
          pid,
          13,
          telephones
            .split('~')
            .map((one) => one.split('^', 1)[0])
            .join('~'),
        );
        const death = source.getComponent(29, 1);
        pid.setField(29, death.length > 6 ? time(death) : '""');
        all.push(pid);
        break;
      }
      case 'PD1': {
        if (!isVisit) break;
        const pd1 = segment('PD1', source, { 4: [1] });
        const second = source.getComponent(4, 1, 0, 1);
        if (second !== '') pd1.setComponent(3, 3, second);
        all.push(pd1);
        break;
      }
      case 'MRG':
        if (from === 'A40')
          all.push(new Hl7Segment(['MRG', `${source.getComponent(1, 1)}^^^103^PI`], message.context));
        break;
      case 'PV1':
        if (isVisit) all.push(new Hl7Segment(['PV1', '', 'N'], message.context));
        break;
      case 'PV2':
      case 'OBX':
      case 'AL1':
      case 'DG1':
      case 'PR1':
      case 'GT1':
      case 'IN1':
      case 'IN2':
      case 'IN3':
        all.push(source);
    }
  }
  return new Hl7Message(all, message.context);
}

function time(text: string): string {
  const local = text.split('+', 1)[0]!.trim();
  if (local !== '' && !/^\d{8}(\d{6})?$/.test(local)) throw new Error('no date');
  return local;
}

/** Fields by number, with the components that are wanted of each; all of it where none are named. */
type Parts = Readonly<Record<number, readonly number[]>>;

function segment(name: string, source: Hl7Segment, parts: Parts): Hl7Segment {
  const start = name === 'MSH' ? ['MSH', source.context.getMsh2()] : [name];
  const made = new Hl7Segment(start, source.context);
  copyParts(made, source, parts);
  return made;
}

function copyParts(target: Hl7Segment, source: Hl7Segment, parts: Parts): void {
  for (const [number, components] of Object.entries(parts)) {
    const field = Number(number);
    if (components.length === 0) {
      setFilled(target, field, fieldText(source, field));
      continue;
    }
    const kept: string[] = [];
    for (const component of components) kept[component - 1] = source.getComponent(field, component);
    setFilled(target, field, trimmed(Array.from(kept, (part: string | undefined) => part ?? '')));
  }
}

function fieldText(source: Hl7Segment, field: number): string {
  return (source.getField(field) as Hl7Field | undefined)?.toString() ?? '';
}

function setFilled(target: Hl7Segment, field: number, text: string): void {
  if (text !== '') target.setField(field, text);
}

function trimmed(parts: readonly string[]): string {
  let end = parts.length;
  while (end > 0 && parts[end - 1] === '') end--;
  return parts.slice(0, end).join('^');
}
