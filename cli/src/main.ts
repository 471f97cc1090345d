import { Command, CommanderError } from 'commander';
import { register as registerDeadLetters } from './dead-letters.js';
import { register as registerExplain } from './explain.js';
import { register as registerLogs } from './logs.js';
import { register as registerPlan } from './plan.js';
import { register as registerReceive } from './receive.js';
import { register as registerReplay } from './replay.js';
import { register as registerSearch } from './search.js';
import { register as registerSend } from './send.js';
import { register as registerStatus } from './status.js';
import { register as registerTest } from './test.js';
import { register as registerTrace } from './trace.js';
import { register as registerTransform } from './transform.js';
import { register as registerUp } from './up.js';
import { USAGE_EXIT_CODE, usageSentence } from './usage-error.js';
import { register as registerValidate } from './validate.js';

const COMMANDS = [
  registerUp,
  registerPlan,
  registerStatus,
  registerLogs,
  registerSend,
  registerReceive,
  registerValidate,
  registerTransform,
  registerExplain,
  registerTest,
  registerDeadLetters,
  registerSearch,
  registerTrace,
  registerReplay,
];

/**
 * Runs the `ihub` command and sets the exit code of the process: 0 when all went well, 2 for wrong input, and what
 * a command says of itself in its help. Of a failure one sentence is shown, and where it arose when IHUB_DEBUG is set.
 *
 * @param argv as `process.argv`
 */
export async function main(argv: readonly string[]): Promise<void> {
  // The reader of a pipe has left, as `head` does: there is nobody to write to.
  process.stdout.on('error', () => process.exit(1));
  const program = new Command('ihub')
    .description('Run, feed and watch HL7 message flows')
    .exitOverride()
    // What is wrong is told below, in one place and one form.
    .configureOutput({ outputError: () => undefined });
  for (const register of COMMANDS) register(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return;
    // Without a command, commander has shown the help already.
    if (error instanceof CommanderError && error.code === 'commander.help') {
      process.exitCode = USAGE_EXIT_CODE;
      return;
    }
    const sentence = usageSentence(error);
    console.error(`ihub: ${sentence ?? (error instanceof Error ? error.message : String(error))}`);
    if (sentence === undefined && process.env['IHUB_DEBUG'] !== undefined) console.error(error);
    process.exitCode = sentence === undefined ? 1 : USAGE_EXIT_CODE;
  }
}
