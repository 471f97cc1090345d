/** A text with a pattern, made for the sets of flows whose senders write what the standard does not allow. */
export interface TextType {
  /** XSD patterns (XML Schema part 2, appendix F), of which one must match; none: any text. */
  readonly patterns: readonly string[];
  /** What is expected, for people, as in "a number". */
  readonly expected: string;
}

/** What makes the schema set of one flow out of the HL7 standard. */
export interface FlowSet {
  /** As in MSH-12. */
  readonly version: '2.3.1' | '2.4' | '2.5' | '2.5.1';
  /** The set's structures; where the standard has no such name, the one that it is a copy of: `ADT_A40: ADT_A39`. */
  readonly structures: Readonly<Record<string, string>>;
  /** Structures in which PV1, PV2 and the ROLs that follow may be absent: an optional group VISIT. */
  readonly optionalVisit?: readonly string[];
  /** Segments that may come, any number of times, after another one: `ADT_A39: { PD1: 'NK1' }`. */
  readonly inserted?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Simple types that the set replaces everywhere. */
  readonly texts?: Readonly<Record<string, TextType>>;
  /** Fields in which one component has another type: `'MSH.7': { 'TS.1': DASHED_TIME }`. */
  readonly fields?: Readonly<Record<string, Readonly<Record<string, TextType>>>>;
}

// The days that the calendar has: any month to the 28th; the 29th and 30th; the 31st; 29 February in leap years.
const DAY =
  '([0-9]{4}((0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])(29|30)|(0[13578]|1[02])31)' +
  '|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)0229)';
const HOUR = '([01][0-9]|2[0-3])';
const TIME = `${HOUR}([0-5][0-9]([0-5][0-9](\\.[0-9]{1,4})?)?)?`;
const ZONE = '[+\\-](0[0-9]|1[0-4])[0-5][0-9]';
const MONTH = '[0-9]{4}(0[1-9]|1[0-2])?';
/** Two double quotes: the HL7 null, which tells the receiver to delete a value (HL7 v2.5 section 2.5.3). */
const NULL = '""';

/** Data types whose text has a form (HL7 v2.5 chapter 2A). Every other simple type is any text. */
export const STANDARD_TEXTS: Readonly<Record<string, TextType>> = {
  DT: { patterns: [MONTH, DAY, NULL], expected: 'a date (YYYYMMDD, YYYYMM or YYYY)' },
  DTM: {
    patterns: [`${MONTH}(${ZONE})?`, `${DAY}(${TIME})?(${ZONE})?`, NULL],
    expected: 'a date with or without a time (YYYYMMDDHHMMSS, or less from the right, and a zone like +0100)',
  },
  TM: {
    patterns: [`${TIME}(${ZONE})?`, NULL],
    expected: 'a time (HHMMSS, HHMM or HH, and a zone like +0100)',
  },
  NM: { patterns: ['[+\\-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)', NULL], expected: 'a number' },
  SI: { patterns: ['[0-9]{1,4}', NULL], expected: 'a sequence number (1 to 4 digits)' },
};

/**
 * Any text. PHW writes its MSH-7 like 2026-03-04 09:15:27, and RESURREC into PID-29 to take a death back: its mapping
 * reads both, and says what it can't read.
 */
const ANY_TEXT: TextType = { patterns: [], expected: 'any text' };

/** PIMS leaves the sign of a zone behind where it has no time: 19760121+. */
const OPEN_ZONE_TIME: TextType = {
  patterns: [...STANDARD_TEXTS['DTM']!.patterns, `${DAY}(${TIME})?\\+`],
  expected:
    'a date with or without a time (YYYYMMDDHHMMSS, or less from the right, and + or a zone like +0100)',
};

const ADT = { ADT_A01: 'ADT_A01', ADT_A05: 'ADT_A05', ADT_A39: 'ADT_A39' };

/**
 * The schema sets that are generated into `schemas/`, by folder. Every structure requires its EVN, and every required
 * field must hold a value. A Z segment may follow any segment: flows copy them through.
 */
export const FLOW_SETS: Readonly<Record<string, FlowSet>> = {
  phw: {
    version: '2.5',
    structures: ADT,
    fields: { 'MSH.7': { 'TS.1': ANY_TEXT }, 'PID.29': { 'TS.1': ANY_TEXT } },
  },
  paris: { version: '2.5.1', structures: ADT },
  chemo: { version: '2.4', structures: ADT, inserted: { ADT_A39: { PD1: 'NK1' } } },
  pims: {
    version: '2.3.1',
    structures: { ...ADT, ADT_A40: 'ADT_A39' },
    texts: { DTM: OPEN_ZONE_TIME },
  },
  mosaiq: { version: '2.5', structures: ADT },
  wds: { version: '2.5', structures: ADT, optionalVisit: ['ADT_A01', 'ADT_A05'] },
};
