/** `ihub dead-letters`: lists, shows, replays and drops what stages could not process. */
import { userInfo } from 'node:os';
import { SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { colours } from './colours.js';
import type {
  DeadLetter,
  DeadLetterBox,
  DeadLetterFilter,
  Handling,
  Obstacle,
  Planned,
} from '@integration-hub/kafka';
import { knownKafka, type KafkaOptions } from './kafka-address.js';
import { UsageError } from './usage-error.js';

interface Options extends KafkaOptions {
  readonly data: string;
  namespace: string;
  owner?: string;
  code?: string;
  stage?: string;
  controlId?: string;
  since?: string;
  json?: true;
}

interface HandlingOptions extends Options {
  why: string;
  who: string;
  everything?: true;
  dryRun?: true;
  rejected?: true;
  to?: string;
}

const EXAMPLE = `
A letter is named OWNER/PARTITION/OFFSET; its owner is the flow or the destination whose stage gave it up. Nothing is
taken out of Kafka: what was replayed or dropped is marked with who did it and why, and left out of later lists.

Exit code: 0 when all was done, 1 when a letter could not be replayed, 2 for wrong input.

Examples:
  $ ihub dead-letters list
  $ ihub dead-letters show phw-to-mpi/0/17
  $ ihub dead-letters replay --owner phw-to-mpi --code BAD_DATE_TIME --why "mapping mended, INC-4711" --dry-run
  $ ihub dead-letters drop phw-to-mpi/0/17 --why "test message"
`;

/** Adds the command to the program. */
export function register(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('List, show, replay and drop messages that could not be processed')
    .addHelpText('after', EXAMPLE);

  reading(letters.command('list').description('The letters that nothing has been done with yet'))
    .option('--all', 'those that were replayed or dropped as well')
    .action((options: Options & { all?: true }) => list(options));

  connecting(letters.command('show').description('Letters in full: this prints patients’ data'))
    .argument('<letter...>', 'such as phw-to-mpi/0/17')
    .option('--raw', 'nothing but the bytes of the message')
    .action((ids: string[], options: Options & { raw?: true }) => show(ids, options));

  handling(letters.command('replay').description('Send letters again, from the stage that gave them up'))
    .option('--rejected', 'what listeners have refused, too: the hospital may have sent it again since')
    .option('--to <topic>', 'into this topic in place of the one that they came from')
    .action((ids: string[], options: HandlingOptions) => handle('replayed', ids, options));

  handling(letters.command('drop').description('Mark letters as done with')).action(
    (ids: string[], options: HandlingOptions) => handle('dropped', ids, options),
  );
}

function connecting(command: Command): Command {
  return command
    .option('--kafka <host:port>', 'the Kafka; default: the one of ihub up')
    .option('--kafka-config <file>', 'how it is connected to: TLS, login (docs/tls.md)')
    .option('--data <folder>', 'the data folder of ihub up', '.ihub')
    .option('--namespace <name>', 'the namespace of the flows', 'default')
    .option('--json', 'JSON, an object a line');
}

function reading(command: Command): Command {
  return connecting(command)
    .option('--owner <name>', 'letters of this flow or destination')
    .option('--code <code>', 'with this code, such as BAD_DATE_TIME')
    .option('--stage <name>', 'given up by this stage, such as phw-to-mpi-transformer')
    .option('--control-id <id>', 'with this MSH-10')
    .option('--since <time>', 'failed then or later, as in 2026-03-04 or 2026-03-04T09:15:00Z');
}

function handling(command: Command): Command {
  return reading(command)
    .argument('[letter...]', 'such as phw-to-mpi/0/17')
    .requiredOption('--why <text>', 'the reason, for the record')
    .addOption(new Option('--who <name>', 'who decides it').default(userInfo().username, 'you'))
    .option('--everything', 'all letters of the namespace')
    .option('--dry-run', 'say what would be done, and do nothing');
}

function filterOf(ids: readonly string[], options: Options): DeadLetterFilter {
  const { owner, code, stage, controlId, since } = options;
  const wrong = ids.find((id) => !/^[^/\s]+\/\d+\/\d+$/.test(id));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" names no letter: write OWNER/PARTITION/OFFSET`);
  const time = since === undefined ? undefined : Date.parse(since);
  if (Number.isNaN(time)) {
    throw new UsageError(`--since ${since!}: write a time, as in 2026-03-04 or 2026-03-04T09:15:00Z`);
  }
  return {
    ...(ids.length > 0 && { ids }),
    ...(owner !== undefined && { owner }),
    ...(code !== undefined && { code }),
    ...(stage !== undefined && { stage }),
    ...(controlId !== undefined && { controlId }),
    ...(time !== undefined && { since: time }),
  };
}

async function withBox<T>(options: Options, work: (box: DeadLetterBox) => Promise<T>): Promise<T> {
  const { kafkaConnection } = await import('@integration-hub/workers');
  const connection = kafkaConnection(await knownKafka(options), 'ihub');
  const kafka = await import('@integration-hub/kafka');
  const box = await kafka.DeadLetterBox.open(connection, options.namespace);
  try {
    return await work(box);
  } finally {
    await box.close();
  }
}

async function list(options: Options & { all?: true }): Promise<void> {
  const letters = await withBox(options, (box) => box.read(filterOf([], options)));
  const wanted = letters.filter(({ mark }) => options.all || mark === undefined);
  for (const letter of wanted) console.log(options.json ? JSON.stringify(summary(letter)) : line(letter));
  if (!options.json) console.error(`${wanted.length} dead letters`);
}

async function show(ids: string[], options: Options & { raw?: true }): Promise<void> {
  const letters = await withBox(options, (box) => box.read(filterOf(ids, options)));
  for (const letter of letters) {
    if (options.raw) process.stdout.write(letter.bytes);
    else if (options.json) {
      console.log(JSON.stringify({ ...summary(letter), message: letter.bytes.toString('base64') }));
    } else console.log(inFull(letter));
  }
  const missing = ids.filter((id) => !letters.some((letter) => letter.id === id));
  for (const id of missing)
    console.error(`ihub: there is no dead letter ${id}: see ihub dead-letters list --all`);
  if (missing.length > 0) process.exitCode = 1;
}

const hints: Readonly<Record<Obstacle['code'], string>> = {
  TRUNCATED: '',
  REJECTED: ': replay it with --rejected if not',
  NO_TOPIC: ': name another with --to',
};

async function handle(action: Handling['action'], ids: string[], options: HandlingOptions): Promise<void> {
  const filter = filterOf(ids, options);
  if (Object.keys(filter).length === 0 && !options.everything) {
    throw new UsageError(`say which letters: name them, or give --owner, --code … or --everything`);
  }
  const { who, why, to, rejected = false } = options;
  if (why.trim() === '') throw new UsageError('--why must say why, for those who read the record later');
  const what: Handling = { action, who, why, rejected, ...(to !== undefined && { to }) };
  await withBox(options, async (box) => {
    const plan = await box.plan(filter, what);
    const able = plan.filter(({ obstacle }) => obstacle === undefined);
    for (const one of plan) {
      if (one.obstacle !== undefined) {
        const { code, sentence } = one.obstacle;
        console.error(`ihub: ${one.letter.id} is left: ${sentence}${hints[code]}`);
      }
    }
    let done = 0;
    if (options.dryRun) for (const one of able) told(one, 'would be');
    else {
      const bar = process.stderr.isTTY && !options.json ? progressBar(able.length) : undefined;
      await box.handle(filter, what, (one) => {
        done += 1;
        if (bar === undefined) told(one, 'was');
        else bar.increment();
      });
      bar?.stop();
    }
    if (!options.json) {
      const verb = options.dryRun ? 'would be' : 'were';
      console.error(
        `${options.dryRun ? able.length : done} letters ${verb} ${action}, ${plan.length - able.length} left`,
      );
    }
    if (able.length < plan.length) process.exitCode = 1;

    function told({ letter, target }: Planned, verb: string): void {
      if (options.json)
        console.log(JSON.stringify({ letter: letter.id, action, target, dryRun: verb !== 'was' }));
      else console.log(`${letter.id} ${verb} ${action}${target === '' ? '' : ` to ${target}`}`);
    }
  });
}

function progressBar(total: number): SingleBar {
  const format = '{bar} {value} of {total} letters';
  const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
  bar.start(total, 0);
  return bar;
}

function summary({ id, description, reason, mark, bytes }: DeadLetter): object {
  const { flow, controlId, correlationId, receivedTime } = description;
  return {
    letter: id,
    flow,
    controlId,
    correlationId,
    receivedTime,
    bytes: bytes.length,
    ...reason,
    ...(mark && { mark }),
  };
}

function line({ id, description, reason, mark }: DeadLetter): string {
  const done = mark === undefined ? '' : colours.dim(`  ${mark.action} by ${mark.who}: ${mark.why}`);
  return `${colours.bold(id)}  ${reason.failedTime}  ${colours.red(reason.code)}  ${description.controlId}  ${reason.reason}${done}`;
}

function inFull(letter: DeadLetter): string {
  const { description, reason, mark, bytes } = letter;
  const rows: [string, string][] = [
    ['letter', letter.id],
    ['reason', `${reason.code}: ${reason.reason}`],
    ['given up by', `${reason.stage}, ${reason.failedTime}, after ${reason.attempts} attempts`],
    ['came from', reason.origin === '' ? 'the hospital: it was refused' : reason.origin],
    ['flow', description.flow],
    ['MSH-10', description.controlId],
    ['received', description.receivedTime],
    ['correlation', description.correlationId],
  ];
  if (mark !== undefined) {
    const target = mark.target === '' ? '' : ` to ${mark.target}`;
    rows.push(['done', `${mark.action}${target}, ${mark.time}, by ${mark.who}: ${mark.why}`]);
  }
  if (reason.truncated) rows.push(['message', 'only its beginning was kept']);
  const text = bytes.toString('utf8').replace(/\r\n?|\n/g, '\n  ');
  return `${rows.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n')}\n\n  ${text.trimEnd()}\n`;
}
