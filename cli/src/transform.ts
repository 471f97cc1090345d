import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  BadMappingError,
  builtInMapping,
  encodeFrame,
  loadMapping,
  type Mapping,
  MappingError,
  Message,
  MessageError,
  MllpError,
  openMappings,
  UnknownMappingError,
} from '@integration-hub/hl7';
import type { Command } from 'commander';
import { charsetOption } from './charset-option.js';
import { readMessages } from './message-file.js';
import { UsageError } from './usage-error.js';

interface TransformOptions {
  mapping: string;
  charset?: string;
  mllp?: true;
}

const EXAMPLE = `
The messages come out in order as they would be sent, segments ended by CR. What can't be mapped is left out, with a
line on the standard error that says why; the hub would keep it as a dead letter.

Exit code: 0 when every message was mapped, 1 when not, 2 for wrong input.

Examples:
  $ ihub transform --mapping phw manifests/flows/samples/phw-to-mpi.hl7 | tr '\\r' '\\n'
  $ ihub transform --mapping ./mappings/pims/mapping.yaml --mllp pims.hl7 > mapped.mllp
`;

/** Adds `ihub transform`. */
export function register(program: Command): void {
  program
    .command('transform')
    .description('Map HL7 messages as a flow would, and write them to the standard output')
    .argument('<file...>', 'files with HL7 messages; - is the standard input')
    .requiredOption(
      '--mapping <name|path>',
      'one that comes with the hub, or a path with a / to one of yours',
    )
    .addOption(charsetOption())
    .option('--mllp', 'put each message into an MLLP frame')
    .addHelpText('after', EXAMPLE)
    .action(transform);
}

async function transform(files: string[], options: TransformOptions): Promise<void> {
  const mapping = mappingOf(options.mapping);
  for (const file of files) {
    for (const { bytes, place } of await readMessages(file)) {
      try {
        const mapped = mapping.map(Message.parse(bytes, { defaultCharset: options.charset }));
        process.stdout.write(options.mllp ? encodeFrame(mapped) : mapped);
      } catch (error) {
        if (!isAboutMessage(error)) throw error;
        console.error(`${place}: ${error.code}: ${error.message}`);
        process.exitCode = 1;
      }
    }
  }
}

function isAboutMessage(error: unknown): error is MappingError | MessageError | MllpError {
  return error instanceof MappingError || error instanceof MessageError || error instanceof MllpError;
}

/** @throws UsageError when there is no such mapping, or it can't be used */
function mappingOf(nameOrPath: string): Mapping {
  try {
    return isPath(nameOrPath) ? mappingAt(path.resolve(nameOrPath)) : builtInMapping(nameOrPath);
  } catch (error) {
    if (error instanceof BadMappingError) throw new UsageError(error.message);
    if (!(error instanceof UnknownMappingError)) throw error;
    if (!isPath(nameOrPath)) throw new UsageError(`${error.message}, or a path such as ./${nameOrPath}`);
    throw new UsageError(`There is no mapping at ${nameOrPath}: name a mapping.yaml or the folder it is in`);
  }
}

function isPath(nameOrPath: string): boolean {
  return !/^[A-Za-z0-9_-]+$/.test(nameOrPath);
}

function mappingAt(place: string): Mapping {
  if (/\.(yaml|js|ts)$/.test(place) && existsSync(place)) return loadMapping(place);
  return openMappings(path.dirname(place)).get(path.basename(place));
}
