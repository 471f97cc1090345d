import {
  builtInSchemaSet,
  type Finding,
  isValid,
  SchemaError,
  type SchemaSet,
  SchemaSets,
  type Strictness,
  validateBytes,
} from '@integration-hub/hl7';
import { type Command, Option } from 'commander';
import { errorColours } from './colours.js';
import { charsetOption } from './charset-option.js';
import { type PlacedMessage, readMessages } from './message-file.js';
import { UsageError } from './usage-error.js';

interface ValidateOptions {
  schema: string;
  schemas?: string;
  strict?: true;
  lengths?: Strictness;
  tables?: Strictness;
  reference?: true;
  charset?: string;
  json?: true;
}

const STRICTNESS: readonly Strictness[] = ['ignore', 'warning', 'error'];

const EXAMPLE = `
A file holds messages as text, each from a line that starts with MSH, or MLLP frames; - is the standard input. Each
thing that is wrong is a line on the standard error: file, severity, place in the message, what was expected. No value
of a field is shown.

Exit code: 0 when every message is valid, 1 when not, 2 for wrong input. Warnings leave a message valid.

Examples:
  $ ihub validate --schema phw manifests/flows/samples/phw-to-mpi.hl7
  $ ihub validate --schema phw --strict --json *.hl7 | jq '.findings[].message'
`;

/** Adds `ihub validate`. */
export function register(program: Command): void {
  program
    .command('validate')
    .description('Validate HL7 messages by the schema set of a flow')
    .argument('<file...>', 'files with HL7 messages')
    .requiredOption('--schema <set>', 'the schema set, as a flow names it: phw, paris, …')
    .option('--schemas <folder>', 'a folder of schema sets, instead of those that come with the hub')
    .option('--strict', 'too long texts and codes that are not in their table are errors')
    .addOption(new Option('--lengths <what>', 'what too long texts are').choices(STRICTNESS))
    .addOption(
      new Option('--tables <what>', 'what codes that are not in their table are').choices(STRICTNESS),
    )
    .addOption(
      new Option('--reference', 'validate by libxml2, to which lengths and tables are unknown').conflicts([
        'strict',
        'lengths',
        'tables',
      ]),
    )
    .addOption(charsetOption())
    .option('--json', 'a line of JSON for each message')
    .addHelpText('after', EXAMPLE)
    .action(validateFiles);
}

async function validateFiles(files: string[], options: ValidateOptions): Promise<void> {
  const validate = validation(options);
  for (const file of files) {
    const messages = await readMessages(file);
    let invalid = 0;
    for (const message of messages) {
      const findings = validate(message.bytes);
      if (!isValid(findings)) invalid += 1;
      if (options.json) console.log(JSON.stringify(record(file, message, findings)));
      else for (const finding of findings) console.error(line(message, finding));
    }
    if (invalid > 0) process.exitCode = 1;
    if (!options.json) console.log(`${file}: ${summary(messages.length, invalid)}`);
  }
}

/** @throws UsageError from the function, too, when the set can't be used */
function validation(options: ValidateOptions): (bytes: Buffer) => readonly Finding[] {
  const unsaid = options.strict === true ? 'error' : 'ignore';
  const { charset, reference = false, lengths = unsaid, tables = unsaid } = options;
  const settings = { defaultCharset: charset, onlyReference: reference, lengths, tables };
  const set = usable(() => schemaSet(options));
  return (bytes) => usable(() => validateBytes(bytes, set, settings));
}

function schemaSet({ schema, schemas }: ValidateOptions): SchemaSet {
  return schemas === undefined ? builtInSchemaSet(schema) : SchemaSets.open(schemas).get(schema);
}

function usable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof SchemaError ? new UsageError(error.message) : error;
  }
}

function record(file: string, { number, controlId }: PlacedMessage, findings: readonly Finding[]): object {
  return { file, message: number, controlId, valid: isValid(findings), findings };
}

function line({ place }: PlacedMessage, { severity, message }: Finding): string {
  return `${place}: ${severity === 'error' ? errorColours.red(severity) : errorColours.yellow(severity)}: ${message}`;
}

function summary(messages: number, invalid: number): string {
  if (messages === 1) return invalid === 0 ? 'valid' : 'invalid';
  return invalid === 0 ? `${messages} messages, all valid` : `${messages} messages, ${invalid} invalid`;
}
