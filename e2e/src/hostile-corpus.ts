/** Streams that no listener should suffer from, made by chance from a seed: the same seed gives the same ones. */
import { encodeFrame } from '@integration-hub/hl7';
import { Random } from './faults/random.js';

export interface HostileStream {
  readonly kind: string;
  /** What is written, one chunk after another. */
  readonly chunks: () => Iterable<Buffer>;
  /** Between two chunks, in milliseconds. */
  readonly pauseMs: number;
  /** What the client does after its last chunk: waits for what comes, ends its side, or resets the connection. */
  readonly then: 'wait' | 'end' | 'reset';
}

const KINDS = [
  'over-long',
  'endless',
  'slow drip',
  'unfinished',
  'reset',
  'not MLLP',
  'wrong framing',
  'nested escapes',
  'broken escapes',
  'wrong character set',
  'NULs',
  '10,000 repetitions',
  '100,000 segments',
  'deep components',
  'long field',
  'broken header',
  'random bytes',
  'cut off',
  'bits turned over',
  'back to back',
] as const;
type Kind = (typeof KINDS)[number];

/**
 * @param template a good message, in ER7 with ASCII or UTF-8 content
 * @param limit the most bytes that a message may have
 * @param count how many; each kind occurs, the costly ones less often
 */
export function hostileStreams(
  seed: number,
  template: Buffer,
  limit: number,
  count: number,
): HostileStream[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => {
    const costly: readonly Kind[] = ['endless', 'over-long', '100,000 segments', 'slow drip'];
    let kind = KINDS[index % KINDS.length]!;
    if (costly.includes(kind) && index >= 10 * KINDS.length) {
      kind = random.pick(KINDS.filter((one) => !costly.includes(one)));
    }
    return streamOf(kind, random, template, limit);
  });
}

function streamOf(kind: Kind, random: Random, template: Buffer, limit: number): HostileStream {
  const text = template.toString('latin1');
  const upTo = (most: number): number => Math.floor(random.next() * most);
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => upTo(256)));
  /** The message with something in place of a field of one segment. */
  const withField = (segment: string, field: number, value: string): string =>
    text.replace(new RegExp(`(^|\\r)(${segment}(?:\\|[^|\\r]*){${field - 1}})\\|[^|\\r]*`), (_, before, start) => `${before}${start}|${value}`); // prettier-ignore
  const stream = (chunks: readonly (string | Buffer)[], rest: Partial<HostileStream> = {}): HostileStream => {
    const buffers = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk));
    return { kind, chunks: () => buffers, pauseMs: 0, then: 'wait', ...rest };
  };
  const framed = (...contents: string[]): HostileStream =>
    stream([Buffer.concat(contents.map((content) => encodeFrame(Buffer.from(content, 'latin1'))))]);
  /** A field of the patient's segment, chosen by chance. */
  const inPatient = (value: string): HostileStream =>
    framed(withField('PID', random.pick([3, 5, 11, 13]), value));

  switch (kind) {
    case 'over-long':
      return framed(withField('PID', 5, 'x'.repeat(limit + upTo(limit))));
    case 'endless': {
      const piece = Buffer.from(random.pick(['x', 'NTE|1\r', '|', '~', '\\']).repeat(10_000));
      return {
        ...stream([]),
        *chunks() {
          yield Buffer.from('\x0bMSH|^~\\&|252|');
          for (let sent = 0; sent < 40 * limit; sent += piece.length) yield piece;
        },
      };
    }
    case 'slow drip':
      return stream(
        [...encodeFrame(template)].map((byte) => Buffer.of(byte)),
        { pauseMs: 150 },
      );
    case 'unfinished':
      return stream([encodeFrame(template).subarray(0, 1 + upTo(template.length))], { then: 'end' });
    case 'reset':
      return stream([encodeFrame(template).subarray(0, 1 + upTo(template.length))], { then: 'reset' });
    case 'not MLLP':
      return stream([
        random.pick<string | Buffer>([
          'GET / HTTP/1.1\r\nHost: mpi\r\n\r\n',
          Buffer.concat([Buffer.from('160301020001', 'hex'), bytes(506)]),
          Buffer.alloc(64 * 1024),
          '\r\n\r\n',
          template,
          Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), encodeFrame(template)]),
          Buffer.concat([Buffer.of(0x0c + upTo(240)), bytes(1 + upTo(5_000))]),
        ]),
      ]);
    case 'wrong framing':
      return stream(
        [
          random.pick<string>([
            `\x0b${text}\x1c`,
            `\x0b${text}\x1c\n`,
            `\x0b${text}\x0b${text}\x1c\r`,
            '\x0b\x1c\x1c\r',
            `\x0b${text}\x1c\x0b`,
            `\x0b\x0b${text}\x1c\r`,
            `\x0b${text.slice(0, 40)}\x1c${text.slice(40)}\x1c\r`,
          ]),
        ],
        { then: 'end' },
      );
    case 'nested escapes': {
      const depth = 1 + upTo(20_000);
      return inPatient(
        random.pick([
          '\\E'.repeat(depth) + '\\'.repeat(depth),
          '\\E\\'.repeat(depth),
          '\\X5C455C\\'.repeat(depth),
        ]),
      );
    }
    case 'broken escapes':
      return inPatient(
        random.pick([
          '\\'.repeat(1 + 2 * upTo(30_000)),
          '\\X4',
          '\\XGG\\',
          '\\X'.padEnd(50_000, 'F'),
          '\\Zé\\',
          '\\.sp9999999999\\',
          '\\C2842\\\\M249999\\',
          '\\F',
        ]),
      );
    case 'wrong character set': {
      const named = random.pick([
        'UNICODE UTF-8',
        'ASCII',
        'UTF-16',
        'ISO IR87',
        'KLINGON',
        '8859/1~UNICODE UTF-8',
      ]);
      const content = text.replace(/^MSH(\|[^\r]*)/, (header) => {
        const fields = header.split('|');
        while (fields.length < 18) fields.push('');
        fields[17] = named;
        return fields.join('|');
      });
      const wrong = random.pick([
        '\xc3',
        '\xff\xfe',
        '\xed\xa0\x80',
        '\xf8\x88\x80\x80\x80',
        '\x1b$B',
        '\x80'.repeat(5_000),
      ]);
      if (random.chance(0.2))
        return stream([encodeFrame(Buffer.from(`\ufeff${text}`, 'utf16le').subarray(0, 400))], {
          then: 'end',
        });
      return framed(content.replace(/\rPID\|/, `\rPID|${wrong}`));
    }
    case 'NULs':
      return random.chance(0.3)
        ? framed('\0'.repeat(1 + upTo(100_000)))
        : framed(text.slice(0, 8 + upTo(text.length - 8)) + '\0'.repeat(1 + upTo(50)) + text.slice(60));
    case '10,000 repetitions':
      return inPatient(random.pick(['123456^^^NHS^NH', '', 'a^b&c', '\\T\\']).concat('~').repeat(10_000));
    case '100,000 segments':
      return framed(text + random.pick(['NTE|1\r', '\r', 'ZZZ\r', 'OBX|1|\r', 'A']).repeat(100_000));
    case 'deep components':
      return inPatient(random.pick(['^', '&', '^&', '&~^']).repeat(200_000));
    case 'long field':
      return inPatient(random.pick(['x', 'é', ' ', '"']).repeat(100_000 + upTo(500_000)));
    case 'broken header':
      return framed(
        random.pick([
          '',
          'M',
          'MSH',
          'MSH|',
          'MSH||||||||||||',
          'MSH|^^^^|252\r',
          'MSH\r\r\rPID\r',
          'MSH|^~\\&|252',
          'FHS|^~\\&|252\r',
          ' ' + text,
          text.replace('|252|', '|999|'),
          text.replace(/\|2\.5/, '|9.9'),
          withField('MSH', 9, ''),
          withField('MSH', 9, 'x'.repeat(100_000)),
          withField('MSH', 2, 'x'.repeat(1_000)),
          text.replaceAll('\r', '\n'),
          text.replaceAll('\r', ''),
          text.replaceAll('|', 'M'),
        ]),
      );
    case 'random bytes':
      return stream([Buffer.concat([Buffer.of(0x0b), bytes(upTo(20_000)), Buffer.of(0x1c, 0x0d)])], {
        then: 'end',
      });
    case 'cut off':
      return framed(text.slice(0, upTo(text.length)));
    case 'bits turned over': {
      const damaged = Buffer.from(template);
      for (let times = 1 + upTo(20); times > 0; times -= 1) damaged[upTo(damaged.length)]! ^= 1 << upTo(8);
      return stream([Buffer.concat([Buffer.of(0x0b), damaged, Buffer.of(0x1c, 0x0d)])], { then: 'end' });
    }
    case 'back to back':
      return framed(
        ...Array.from({ length: 500 }, (_, number) => (number % 2 === 0 ? 'MSH|^~\\&|' : text.slice(0, 200))),
      );
  }
}
