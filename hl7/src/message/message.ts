import { type Charset, findCharset, KNOWN_CHARSETS } from './charset.js';
import { resolveEscapes } from './escape.js';
import { MessageError } from './message-error.js';
import { parsePath, type Path, PathError } from './path.js';
import { SegmentView } from './segment.js';
import { part, parts, readSeparators, type Separators } from './separators.js';

export interface ParseOptions {
  /** Name of the character set of messages whose MSH-18 is empty; "UNICODE UTF-8" unless given. */
  readonly defaultCharset?: string | undefined;
  /** Name of a character set to read the message in, whatever its MSH-18 says. */
  readonly charset?: string | undefined;
  /** The most segments that a message may have; any number unless given. */
  readonly mostSegments?: number | undefined;
}

/**
 * An HL7 v2 message in ER7 (HL7 v2.5 chapter 2) over the sender's own bytes, which are never changed.
 *
 * Parsing checks the message and finds its segments; fields are split only when they are asked for. Places are named
 * by paths (see parsePath) or by paths already parsed. A place that the message does not have reads as ''. Every
 * reading method throws PathError for a bad path, and all but `texts` and `has` for a path with `[*]`.
 */
export class Message {
  /** The bytes as they were received. Do not write into them. */
  readonly bytes: Buffer;
  readonly separators: Separators;
  readonly charset: Charset;
  readonly #segments: readonly SegmentView[];

  private constructor(
    bytes: Buffer,
    separators: Separators,
    charset: Charset,
    segments: readonly SegmentView[],
  ) {
    this.bytes = bytes;
    this.separators = separators;
    this.charset = charset;
    this.#segments = segments;
  }

  /**
   * Checks a message and finds its segments. Segments may end with CR, LF or CRLF, mixed; empty ones are ignored.
   *
   * @param bytes one message without MLLP framing; kept, not copied
   * @throws MessageError NOT_HL7, BAD_SEPARATORS, BAD_SEGMENT, TOO_MANY_SEGMENTS, UNSUPPORTED_CHARSET or
   *   BAD_CHARSET_CONTENT
   */
  static parse(bytes: Buffer, options: ParseOptions = {}): Message {
    const raw = bytes.toString('latin1');
    if (!raw.startsWith('MSH')) {
      throw new MessageError(
        'NOT_HL7',
        'The message is not HL7 v2 in ER7: its first three bytes are not MSH',
      );
    }
    const view = raw.includes('\n') ? raw.replace(/\r?\n/g, '\r') : raw;
    const separators = readSeparators(part(view, '\r', 1));
    const segments = findSegments(view, separators, options.mostSegments ?? Infinity);
    const charset = charsetOf(segments[0]!, separators, options);
    const invalid = charset.firstInvalid(bytes);
    if (invalid !== -1) {
      const number = raw.slice(0, invalid).split(/[\r\n]+/).length;
      throw new MessageError(
        'BAD_CHARSET_CONTENT',
        `Byte ${invalid} of the message, in segment ${number} (${segments[number - 1]!.name}), is not valid ` +
          `${charset.name}: the sender must send what MSH-18 says, or say in MSH-18 what it sends`,
      );
    }
    return new Message(bytes, separators, charset, segments);
  }

  /** The segments in order; the first is the MSH. */
  segments(): readonly SegmentView[] {
    return this.#segments;
  }

  /**
   * What stands at a place, decoded, with its escapes and separators. A path without `[n]`, component and
   * subcomponent gives the whole field with **all its repetitions**; a path to a component is about repetition 1
   * unless it says otherwise; a path without a field gives the whole segment.
   */
  er7(path: string | Path): string {
    return this.decode(this.#places(single(path), false)[0] ?? '');
  }

  /**
   * The text at a place, decoded and with its escapes resolved. It is always the text of one subcomponent: what the
   * path leaves out is 1, so `PID-5` is `PID-5[1].1.1`. Unknown escapes, and \X..\ bytes that are not valid in the
   * message's character set, are kept as they are.
   */
  text(path: string | Path): string {
    const place = withField(single(path));
    const segment = this.#nth(place.segment, place.occurrence as number);
    if (segment === undefined || declaresSeparators(place))
      return this.#unescaped(this.#places(place, true)[0] ?? '');
    return this.#unescaped(this.#leaf(segment.field(place.field), place, Number(place.repetition ?? 1)));
  }

  /**
   * The texts at a place, in order: one, which may be '', for each repetition (`[*]` after the field) in each segment
   * (`[*]` after the segment's name) that there is. An empty field has no repetitions.
   */
  texts(path: string | Path): string[] {
    return this.#places(withField(parsed(path)), true).map((place) => this.#unescaped(place));
  }

  /** Whether some place that the path names holds more than separators (the null `""` does), or such a segment. */
  has(path: string | Path): boolean {
    const place = parsed(path);
    const places = this.#places(place, false);
    if (place.field === undefined || declaresSeparators(place)) return places.some((er7) => er7 !== '');
    const { component, repetition = '', subcomponent = '' } = this.separators;
    const separators = component + repetition + subcomponent;
    return places.some((er7) =>
      Array.prototype.some.call(er7, (character: string) => !separators.includes(character)),
    );
  }

  /** Whether a place holds exactly the HL7 null, `""`, which tells the receiver to delete its value (2.5.3). */
  isNull(path: string | Path): boolean {
    return this.er7(path) === '""';
  }

  /** MSH-10 whole and as it was sent, escapes kept: what an acknowledgement must name in MSA-2. */
  get controlId(): string {
    return this.er7('MSH-10');
  }

  /** MSH-3.1. */
  get sendingApplication(): string {
    return this.text('MSH-3.1');
  }

  /** MSH-9.1, as `ADT`. */
  get messageCode(): string {
    return this.text('MSH-9.1');
  }

  /** MSH-9.2, as `A31`; '' when the sender leaves it out. */
  get trigger(): string {
    return this.text('MSH-9.2');
  }

  /** MSH-9.3, as `ADT_A05`; '' when the sender leaves it out. */
  get structure(): string {
    return this.text('MSH-9.3');
  }

  /** MSH-12.1, as `2.5.1`. */
  get version(): string {
    return this.text('MSH-12.1');
  }

  /** The text of a latin1 view of this message, escapes kept. */
  decode(latin1: string): string {
    return this.charset.decode(latin1);
  }

  /**
   * The latin1 view of a text in this message's character set.
   *
   * @throws MessageError UNENCODABLE_TEXT when the set has no code for some character
   */
  encode(text: string): string {
    const latin1 = this.charset.encode(text);
    if (latin1 !== undefined) return latin1;
    throw new MessageError(
      'UNENCODABLE_TEXT',
      `The text has a character that ${this.charset.name}, the character set of the message, can not write`,
    );
  }

  /** The latin1 views of every place that a path names. `leaf`: what the path leaves out below the field is 1. */
  #places(path: Path, leaf: boolean): string[] {
    const { field, repetition, component, subcomponent } = path;
    const segments = this.#matching(path);
    if (field === undefined) return segments.map((segment) => segment.er7);
    return segments.flatMap((segment) => {
      const whole = segment.field(field);
      if (declaresSeparators(path)) return isFirst(path) ? [whole] : [''];
      if (!leaf && repetition === undefined && component === undefined) return [whole];
      return this.#repetitions(whole, repetition ?? 1).map((place) => {
        if (!leaf && component === undefined) return place;
        const inComponent = part(place, this.separators.component, component ?? 1);
        if (!leaf && subcomponent === undefined) return inComponent;
        return part(inComponent, this.separators.subcomponent, subcomponent ?? 1);
      });
    });
  }

  #nth(name: string, occurrence: number): SegmentView | undefined {
    let found = 0;
    for (const segment of this.#segments) {
      if (segment.is(name) && ++found === occurrence) return segment;
    }
    return undefined;
  }

  /** One subcomponent of a field: what the path leaves out is 1. */
  #leaf(field: string, { component = 1, subcomponent = 1 }: Path, repetition: number): string {
    const { separators } = this;
    const whole = part(field, separators.repetition, repetition);
    return part(part(whole, separators.component, component), separators.subcomponent, subcomponent);
  }

  #matching({ segment: name, occurrence }: Path): readonly SegmentView[] {
    const named = this.#segments.filter((segment) => segment.is(name));
    return occurrence === '*' ? named : named.slice(occurrence - 1, occurrence);
  }

  #repetitions(field: string, repetition: number | '*'): string[] {
    if (repetition !== '*') return [part(field, this.separators.repetition, repetition)];
    return field === '' ? [] : parts(field, this.separators.repetition);
  }

  #unescaped(er7: string): string {
    const latin1 = resolveEscapes(er7, this.separators, true);
    if (latin1 !== er7 && this.charset.firstInvalid(Buffer.from(latin1, 'latin1')) !== -1) {
      return this.decode(resolveEscapes(er7, this.separators, false));
    }
    return this.decode(latin1);
  }
}

function parsed(path: string | Path): Path {
  return typeof path === 'string' ? parsePath(path) : path;
}

function single(path: string | Path): Path {
  const place = parsed(path);
  if (place.occurrence === '*' || place.repetition === '*') {
    throw new PathError(
      place.source,
      'names many places, and one is wanted: give a number for [*], or use texts',
    );
  }
  return place;
}

function withField(path: Path): Path & { readonly field: number } {
  if (path.field === undefined) {
    throw new PathError(path.source, 'names a whole segment, and a field is wanted, as in PID-5.1');
  }
  return path as Path & { readonly field: number };
}

/** MSH-1 and MSH-2 are separators, so they are never split by them. */
function declaresSeparators({ segment, field }: Path): boolean {
  return segment === 'MSH' && (field === 1 || field === 2);
}

function isFirst({ repetition = 1, component = 1, subcomponent = 1 }: Path): boolean {
  return (repetition === 1 || repetition === '*') && component === 1 && subcomponent === 1;
}

/** Finds and checks the segments of a view in which every segment ends with CR. */
function findSegments(view: string, separators: Separators, most: number): SegmentView[] {
  const segments: SegmentView[] = [];
  for (let start = 0, end; start < view.length; start = end + 1) {
    end = view.indexOf('\r', start);
    if (end === -1) end = view.length;
    if (end === start) continue;
    const number = segments.length + 1;
    if (number > most) {
      throw new MessageError(
        'TOO_MANY_SEGMENTS',
        `The message has more than ${most.toLocaleString('en')} segments: send it as several messages`,
      );
    }
    if (!startsWithName(view, start) || (end > start + 3 && view[start + 3] !== separators.field)) {
      throw new MessageError(
        'BAD_SEGMENT',
        `Segment ${number} does not begin with a segment name (a capital letter, two capital letters or digits) ` +
          'and a field separator: look for a line end inside a field before it, which must be sent as an escape',
      );
    }
    const segment = new SegmentView(segments.length, view, start, end, separators);
    if (number > 1 && segment.is('MSH')) {
      throw new MessageError(
        'BAD_SEGMENT',
        `Segment ${number} is a second MSH: every message must be sent in a frame of its own`,
      );
    }
    segments.push(segment);
  }
  return segments;
}

/** Whether a capital letter and two capital letters or digits stand at `at`. Without a RegExp, which costs ten times it. */
function startsWithName(view: string, at: number): boolean {
  const first = view.charCodeAt(at);
  return (
    first >= 65 &&
    first <= 90 &&
    isNameCharacter(view.charCodeAt(at + 1)) &&
    isNameCharacter(view.charCodeAt(at + 2))
  );
}

function isNameCharacter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

function charsetOf(msh: SegmentView, separators: Separators, options: ParseOptions): Charset {
  if (options.charset !== undefined) return charsetNamed(options.charset, 'The flow names');
  const declared = msh.field(18);
  if (declared === '') return charsetNamed(options.defaultCharset ?? 'UNICODE UTF-8', 'The flow names');
  const names = parts(declared, separators.repetition).filter((name) => name !== '' && name !== '""');
  if (names.length === 0) return charsetNamed(options.defaultCharset ?? 'UNICODE UTF-8', 'The flow names');
  // Sets after the first are switched to within the text, so they must be safe to split as well.
  return names.map((name) => charsetNamed(name, 'MSH-18 names'))[0]!;
}

function charsetNamed(name: string, whoNames: string): Charset {
  const charset = findCharset(name);
  if (charset !== undefined) return charset;
  throw new MessageError(
    'UNSUPPORTED_CHARSET',
    `${whoNames} a character set that can not be read. Use ${KNOWN_CHARSETS}; sets whose characters may hold the ` +
      'bytes of separators (UTF-16, GB 18030, BIG-5, ISO IR87 and their like) are refused',
  );
}
