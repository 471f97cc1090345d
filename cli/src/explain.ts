import {
  type ExplainedPlace,
  type ExplainedSegment,
  explainMessage,
  Message,
  MessageError,
  type Names,
  namesOf,
} from '@integration-hub/hl7';
import type { Command } from 'commander';
import { colours } from './colours.js';
import { charsetOption } from './charset-option.js';
import { type PlacedMessage, readMessages } from './message-file.js';

interface ExplainOptions {
  charset?: string;
  json?: true;
}

/** Of a longer text so many characters are shown: a document in an OBX has millions. */
const SHOWN_CHARACTERS = 500;

const EXAMPLE = `
Each place that holds something is a line: its path, as mappings and rules write it, its name in the message's version
of HL7, its text with escapes resolved, and what it means where it is a code of an HL7 table. The output holds all that
the message holds, patient data included.

Exit code: 0, 1 when something in the files is no HL7 message, 2 for wrong input.

Examples:
  $ ihub explain manifests/flows/samples/phw-to-mpi.hl7
  $ ihub transform --mapping phw phw.hl7 | ihub explain -
  $ ihub explain --json phw.hl7 | jq -r '.segments[].places[] | select(.path == "PID-8").meaning'
`;

/** Adds `ihub explain`. */
export function register(program: Command): void {
  program
    .command('explain')
    .description('Lay HL7 messages out, with the names of their fields')
    .argument('<file...>', 'files with HL7 messages; - is the standard input')
    .addOption(charsetOption())
    .option('--json', 'a line of JSON for each message')
    .addHelpText('after', EXAMPLE)
    .action(explain);
}

async function explain(files: string[], options: ExplainOptions): Promise<void> {
  for (const file of files) {
    for (const placed of await readMessages(file)) {
      let message: Message;
      try {
        message = Message.parse(placed.bytes, { defaultCharset: options.charset });
      } catch (error) {
        if (!(error instanceof MessageError)) throw error;
        console.error(`${placed.place}: ${error.code}: ${error.message}`);
        process.exitCode = 1;
        continue;
      }
      const names = namesOf(message.version);
      const segments = explainMessage(message, names);
      if (options.json) console.log(JSON.stringify(record(file, placed, message, names, segments)));
      else console.log(text(placed, message, names, segments));
    }
  }
}

function record(
  file: string,
  { number, controlId }: PlacedMessage,
  { version }: Message,
  names: Names,
  segments: readonly ExplainedSegment[],
): object {
  return { file, message: number, controlId, version, namesOf: names.version, segments };
}

function text(
  { place }: PlacedMessage,
  message: Message,
  names: Names,
  segments: readonly ExplainedSegment[],
): string {
  const version = message.version === names.version ? '' : `, with the names of HL7 ${names.version}`;
  const heading = `${place}: ${printable(message.er7('MSH-9'))}, HL7 ${printable(message.version)}${version}`;
  const widths = {
    path: widest(segments.flatMap(({ places }) => places.map(({ path }) => path))),
    name: widest(segments.flatMap(({ places }) => places.map((one) => indented(one, names)))),
  };
  const blocks = segments.flatMap(({ path, name, places }) => [
    '',
    `${colours.bold(path)}  ${colours.bold(name ?? unnamed(path, names))}`,
    ...places.map((one) => line(one, names, widths)),
  ]);
  return [colours.bold(heading), ...blocks, ''].join('\n');
}

function line(place: ExplainedPlace, names: Names, widths: { path: number; name: number }): string {
  const { path, value, meaning } = place;
  const shown =
    value === undefined ? '' : value === null ? colours.red('null: delete what is held') : printable(value);
  const columns = [
    colours.dim(path.padEnd(widths.path)),
    indented(place, names).padEnd(widths.name),
    meaning === undefined ? shown : `${shown}  ${colours.cyan(`= ${meaning}`)}`,
  ];
  return `  ${columns.join('  ')}`.trimEnd();
}

function indented({ path, name, depth }: ExplainedPlace, names: Names): string {
  return '  '.repeat(depth) + (name ?? unnamed(path, names));
}

function unnamed(path: string, { version }: Names): string {
  return path.startsWith('Z') ? '(the sender’s own)' : `(not in HL7 ${version})`;
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}

/** On one line, without what a terminal would obey. */
function printable(value: string): string {
  const characters = Array.from(value);
  const shown = characters.slice(0, SHOWN_CHARACTERS).join('');
  const rest = characters.length - SHOWN_CHARACTERS;
  const visible = shown
    .replaceAll('\n', '⏎')
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, (control) => {
      return `\\X${control.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}\\`;
    });
  return rest > 0 ? `${visible}… (${rest} characters more)` : visible;
}
