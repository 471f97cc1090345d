import { CommanderError } from 'commander';

/** The exit code of a command that was given something that it can't use. */
export const USAGE_EXIT_CODE = 2;

/** Wrong input: the message is one sentence that says what to do, for the person who typed the command. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
}

/** The sentence to show for wrong input, commander's own complaints included; undefined for any other error. */
export function usageSentence(error: unknown): string | undefined {
  if (error instanceof UsageError) return error.message;
  if (!(error instanceof CommanderError)) return undefined;
  const complaint = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  return `${complaint}: see ihub --help`;
}
