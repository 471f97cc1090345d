import { findCharset } from '@integration-hub/hl7';
import { Option } from 'commander';
import { UsageError } from './usage-error.js';

/** `--charset`, which a flow says in its listener. */
export function charsetOption(): Option {
  return new Option(
    '--charset <name>',
    'the character set of messages whose MSH-18 is empty (UTF-8 unless given)',
  ).argParser((name: string) => {
    if (findCharset(name) !== undefined) return name;
    throw new UsageError(
      `--charset must be a character set such as "UNICODE UTF-8" or 8859/1, not "${name}"`,
    );
  });
}
