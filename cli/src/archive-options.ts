/** The options by which commands are told which archive is meant. */
import type { Command } from 'commander';

export interface ArchiveOptions {
  readonly database?: string;
  readonly secrets?: string;
  /** The data folder of the `ihub up` that is meant where `database` is absent. */
  readonly data: string;
}

/** Adds the options to a command. */
export function archiveOptions(command: Command): Command {
  return command
    .option('--database <host:port/name>', 'the archive’s PostgreSQL; default: the one of ihub up --archive')
    .option(
      '--secrets <folder>',
      'username, password, content.key, identifier.key and, for TLS, ca.crt, as the Hub’s Secrets have them',
    )
    .option('--data <folder>', 'the data folder of the ihub up that is meant', '.ihub');
}
