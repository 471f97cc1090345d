/** `ihub search`: finds messages in the archive. */
import type { Archive, FoundMessage } from '@integration-hub/store';
import type { Command } from 'commander';
import { colours } from './colours.js';
import { type ArchiveOptions, archiveOptions } from './archive-options.js';
import { wholeNumber } from './option-value.js';
import { criteriaOf, type SearchOptions, searchOptions } from './search-options.js';
import { UsageError } from './usage-error.js';

interface Options extends ArchiveOptions, SearchOptions {
  after?: string;
  limit: number;
  json?: true;
}

const EXAMPLE = `
All that is given must hold. The latest messages come first; when there are more, the last line says how to go on.
Nothing of a patient is shown: ihub trace --content does that.

Exit code: 0 when something was found, 1 when nothing was, 2 for wrong input.

Examples:
  $ ihub search --patient "943 476 5919" --since 24h
  $ ihub search --flow phw-to-mpi --type "ADT^A40" --from 2026-11-20 --until 2026-11-21T12:00
  $ ihub search --control-id 4711 --json
`;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = searchOptions(program.command('search').description('Find messages in the archive'))
    .option('--limit <number>', 'as many as this', wholeNumber('--limit', 1, 1_000), 20)
    .option('--after <cursor>', 'those behind the ones that were shown before')
    .option('--json', 'one JSON object a line');
  archiveOptions(command).addHelpText('after', EXAMPLE).action(search);
}

async function search(options: Options): Promise<void> {
  const { after, limit, json } = options;
  const { openArchive } = await import('./archive-connection.js');
  const { ArchiveError, cursorOf } = await import('@integration-hub/store');
  const archive = await openArchive(options);
  try {
    const found = await archive.search({ ...criteriaOf(options), after, limit });
    const outcomes = await outcomesOf(archive, found);
    if (json) {
      for (const [index, message] of found.entries()) {
        console.log(JSON.stringify({ ...message, outcome: outcomes[index], cursor: cursorOf(message) }));
      }
    } else {
      for (const line of table(found, outcomes)) console.log(line);
      const last = found.at(-1);
      if (last === undefined) console.error('no message was found');
      else if (found.length === limit) console.error(`there may be more: add --after ${cursorOf(last)}`);
    }
    if (found.length === 0) process.exitCode = 1;
  } catch (error) {
    if (error instanceof ArchiveError && error.code === 'BAD_SEARCH') throw new UsageError(error.message);
    throw error;
  } finally {
    await archive.close();
  }
}

/** In the order of the messages. */
async function outcomesOf(archive: Archive, found: readonly FoundMessage[]): Promise<string[]> {
  const { outcomeOf } = await import('@integration-hub/store');
  const steps = Map.groupBy(await archive.roads(found), ({ correlationId }) => correlationId);
  return found.map(({ correlationId }) => outcomeOf(steps.get(correlationId) ?? []));
}

function table(found: readonly FoundMessage[], outcomes: readonly string[]): string[] {
  if (found.length === 0) return [];
  const heads = ['RECEIVED (UTC)', 'FLOW', 'TYPE', 'MSH-10', 'OUTCOME', 'CORRELATION'];
  const rows = found.map(({ receivedAt, flow, messageType, controlId, correlationId }, index) => [
    receivedAt.toISOString().replace('T', ' ').replace('Z', ''),
    flow,
    messageType,
    controlId,
    outcomes[index]!,
    correlationId,
  ]);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [colours.dim(line(heads)), ...rows.map(line)];
}
