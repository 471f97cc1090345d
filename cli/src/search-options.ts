/** The options that say which messages of the archive are meant: the same wherever messages are chosen. */
import type { MessageCriteria } from '@integration-hub/store';
import { type Command, Option } from 'commander';
import { duration, time } from './option-value.js';

export interface SearchOptions {
  readonly patient?: string;
  readonly controlId?: string;
  readonly flow?: string;
  readonly type?: string;
  readonly from?: Date;
  readonly until?: Date;
  /** Milliseconds. */
  readonly since?: number;
}

/** Adds the options to a command. */
export function searchOptions(command: Command): Command {
  return command
    .option('--patient <identifier>', 'of the patient with this identifier: PID-2, PID-3 or MRG-1')
    .option('--control-id <id>', 'with this MSH-10')
    .option('--flow <flow>', 'of this flow')
    .option('--type <type>', 'of this type: MSH-9.1 and 9.2, as in "ADT^A31"')
    .option(
      '--from <time>',
      'received then or later, as 2026-11-21 or 2026-11-21T10:30 (UTC)',
      time('--from'),
    )
    .option('--until <time>', 'received before', time('--until'))
    .addOption(
      new Option('--since <duration>', 'not older than this, as in 24h')
        .argParser(duration('--since'))
        .conflicts('from'),
    );
}

/** What the options ask for. */
export function criteriaOf(options: SearchOptions): MessageCriteria {
  const { patient, controlId, flow, type: messageType, from, until, since } = options;
  const begin = since === undefined ? from : new Date(Date.now() - since);
  return { patient, controlId, flow, messageType, from: begin, until };
}
