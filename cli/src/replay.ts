/** `ihub replay`: sends messages of the archive again. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { userInfo } from 'node:os';
import type { ReplayPreview, ReplaySources } from '@integration-hub/replay';
import type { Archive, LeftOut, Replay, ReplaySelection } from '@integration-hub/store';
import { SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { type ArchiveOptions, archiveOptions } from './archive-options.js';
import { colours } from './colours.js';
import { knownKafka, type KafkaOptions } from './kafka-address.js';
import { rate } from './option-value.js';
import { criteriaOf, type SearchOptions, searchOptions } from './search-options.js';
import { onStopSignal } from './stop-signal.js';
import { UsageError } from './usage-error.js';

interface JsonOptions extends ArchiveOptions {
  json?: true;
}

interface SendOptions extends JsonOptions, KafkaOptions, SearchOptions {
  namespace: string;
  ids?: string;
  stage: 'received' | 'outbound';
  of?: string;
  to?: string;
  rate?: number;
  name: string;
  reason?: string;
  who: string;
  run?: true;
  detach?: true;
}

interface DecisionOptions extends JsonOptions {
  reason: string;
  who: string;
}

/** How often progress is looked at, and after how long without a beginning a word is said, in milliseconds. */
const [lookEveryMs, hintMs] = [250, 15_000];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const EXAMPLE = `
Without --run it only says what would be sent. Messages go in the order in which they came: from "received" through
their flow's mapping and conditions again, from "outbound" as they were written for their destination. They keep their
correlation id, MSH-10 and time, and are marked; the receiver gets them again. What was received meanwhile is not waited
for: a message may arrive behind a later one about the same patient, so choose with care.

The archivist sends them, so the replay goes on when this command ends or a machine dies. Who started it and why is
kept.

Exit code: 0 when all was sent, or would be; 1 when something is left out, or nothing was found, or it did not end well;
2 for wrong input.

Examples:
  $ ihub replay --flow phw-to-mpi --from 2026-11-20T09:00 --until 2026-11-20T10:00
  $ ihub replay --flow phw-to-mpi --since 2h --stage outbound --rate 20/s --reason "MPI restored, INC-4711" --run
  $ ihub search --type "ADT^A40" --since 24h --json | ihub replay --ids - --to mpi-test --reason "test" --run
  $ ihub replay pause 5f0c3a52-6f2d-4f6c-9a7b-6d1c9f1e2a33 --reason "MPI is slow"
`;

/** Adds the command to the program. */
export function register(program: Command): void {
  const replay = program
    .command('replay')
    .description('Send messages of the archive again')
    .addHelpText('after', EXAMPLE);

  const send = replay
    .command('send', { isDefault: true })
    .description('Say what would be sent, or with --run send it')
    .option(
      '--ids <file>',
      'these correlation ids: one a line, or what ihub search --json has printed; - for stdin',
    )
    .addOption(
      new Option('--stage <stage>', 'as they were received, or as they were written for destinations')
        .choices(['received', 'outbound'])
        .default('received'),
    )
    .option('--of <destination>', 'with --stage outbound: what was written for this destination only')
    .option('--to <destination>', 'to this destination in place of where they went, as they are')
    .option('--rate <rate>', 'as many a second at most, as in 20/s', rate('--rate'))
    .option('--name <name>', 'names the replay for people', '')
    .option('--run', 'send them')
    .addOption(new Option('--dry-run', 'send nothing, which is the default').conflicts('run'))
    .option('--reason <text>', 'why, for the record; needed with --run')
    .option('--detach', 'do not wait for the end')
    .option('--kafka <host:port>', 'the Kafka; default: the one of ihub up')
    .option('--kafka-config <file>', 'how it is connected to: TLS, login (docs/tls.md)')
    .option('--namespace <name>', 'the namespace of the flows', 'default');
  who(json(archiveOptions(searchOptions(send)))).action(sendAgain);

  json(archiveOptions(replay.command('list').description('The latest replays'))).action(list);
  json(
    archiveOptions(
      replay
        .command('show')
        .description('A replay: how far it is, what was done with it, what it leaves out'),
    ),
  )
    .argument('<id>', 'the replay’s id')
    .action(show);
  for (const [name, description] of [
    ['pause', 'Have a replay wait'],
    ['resume', 'Have a replay go on that waits, or that failed'],
    ['cancel', 'End a replay; what it has sent is sent'],
  ] as const) {
    who(json(archiveOptions(replay.command(name).description(description))))
      .argument('<id>', 'the replay’s id')
      .requiredOption('--reason <text>', 'why, for the record')
      .action((id: string, options: DecisionOptions) => decide(name, id, options));
  }
}

function json(command: Command): Command {
  return command.option('--json', 'JSON, an object a line');
}

function who(command: Command): Command {
  return command.addOption(new Option('--who <name>', 'who decides it').default(userInfo().username, 'you'));
}

async function withArchive<T>(options: ArchiveOptions, work: (archive: Archive) => Promise<T>): Promise<T> {
  const { openArchive } = await import('./archive-connection.js');
  const { ReplayError } = await import('@integration-hub/replay');
  const { ArchiveError } = await import('@integration-hub/store');
  const archive = await openArchive(options);
  try {
    return await work(archive);
  } catch (error) {
    const wrongInput = ['NO_REPLAY', 'REPLAY_OVER', 'TOO_MUCH_TO_REPLAY'];
    if (error instanceof ReplayError) throw new UsageError(error.message);
    if (error instanceof ArchiveError && wrongInput.includes(error.code)) throw new UsageError(error.message);
    throw error;
  } finally {
    await archive.close();
  }
}

async function sendAgain(options: SendOptions): Promise<void> {
  const {
    namespace,
    stage,
    of: destination,
    to: toDestination,
    rate: perSecond,
    name,
    run,
    reason = '',
  } = options;
  if (run && reason.trim() === '') {
    throw new UsageError('--reason is needed with --run: why, for those who read the record later');
  }
  const { previewReplay, startReplay } = await import('@integration-hub/replay');
  const correlationIds = options.ids === undefined ? undefined : await readIds(options.ids);
  const selection: ReplaySelection = { ...criteriaOf(options), stage, destination, correlationIds };
  const { kafkaConnection } = await import('@integration-hub/workers');
  const connection = kafkaConnection(await knownKafka(options), 'ihub');
  await withArchive(options, async (archive) => {
    const sources: ReplaySources = { archive, connection };
    const wish = { namespace, selection, toDestination };
    const preview = await previewReplay(sources, wish);
    if (options.json && !run) console.log(JSON.stringify(preview));
    if (!options.json) for (const line of previewLines(preview, run)) console.error(line);
    for (const id of preview.unknown) console.error(`ihub: the archive has no message ${id}`);
    for (const one of preview.examples) console.error(`ihub: ${leftOutLine(one)}`);
    const beyond = preview.leftOut - preview.examples.length;
    if (beyond > 0) console.error(`ihub: ${beyond} more are left out`);
    if (preview.total === 0 || preview.leftOut > 0 || preview.unknown.length > 0) process.exitCode = 1;
    if (!run || preview.total === 0) return;
    const replay = await startReplay(sources, {
      ...wish,
      id: randomUUID(),
      name,
      perSecond,
      who: options.who,
      reason,
    });
    if (!options.json) console.error(`replay ${replay.id} has begun`);
    if (options.detach) {
      if (options.json) console.log(JSON.stringify(replay));
      return;
    }
    const last = await follow(archive, replay, options);
    console.log(options.json ? JSON.stringify(last) : line(last));
    if (last.state !== 'completed' || last.leftOut > 0) process.exitCode = 1;
  });
}

/** Ids of a file, in which a line is one, or a JSON object that has it. */
async function readIds(file: string): Promise<string[]> {
  const content =
    file === '-'
      ? await textOf(process.stdin)
      : await readFile(file, 'utf8').catch(() => {
          throw new UsageError(`--ids ${file} can't be read`);
        });
  const lines = content.split('\n').map((one) => one.trim());
  const ids = lines.flatMap((one, index) => {
    if (one === '') return [];
    const id = one.startsWith('{') ? idOf(one) : one;
    if (!uuid.test(id)) throw new UsageError(`--ids ${file}: line ${index + 1} is no correlation id`);
    return [id];
  });
  if (ids.length === 0) throw new UsageError(`--ids ${file} names no message`);
  return [...new Set(ids)];
}

function idOf(json: string): string {
  try {
    const { correlationId } = JSON.parse(json) as { correlationId?: unknown };
    return typeof correlationId === 'string' ? correlationId : '';
  } catch {
    return '';
  }
}

/** Shows how far it is until it is over, or waits, or until Ctrl-C. */
async function follow(archive: Archive, replay: Replay, { json: isJson }: SendOptions): Promise<Replay> {
  const leaving = new AbortController();
  onStopSignal(() => leaving.abort());
  const format = '{bar} {value} of {total} messages';
  const bar =
    process.stderr.isTTY && !isJson
      ? new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
      : undefined;
  bar?.start(replay.total, 0);
  let [last, hintAt] = [replay, performance.now() + hintMs];
  while (last.state === 'running' && !leaving.signal.aborted) {
    await delay(lookEveryMs);
    last = await archive.replays.get(replay.id);
    bar?.update(last.done);
    if (last.done === 0 && performance.now() > hintAt) {
      console.error('nothing has been sent yet: does the archivist run?');
      hintAt = Infinity;
    }
  }
  bar?.stop();
  if (last.state === 'running') console.error(`it goes on; see ihub replay show ${replay.id}`);
  return last;
}

function previewLines(preview: ReplayPreview, run: true | undefined): string[] {
  const { total, flows, targets, firstAt, lastAt, inArchive, inKafka, leftOut } = preview;
  const each = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} (${count})`)
      .join(', ');
  const rows: [string, string][] = [
    [run ? 'sends' : 'would send', `${total} messages, in the order in which they came`],
    ['received', firstAt && lastAt ? `${clock(firstAt)} to ${clock(lastAt)}` : '–'],
    ['of', each(flows) || '–'],
    ['to', each(targets) || '–'],
    ['content', `${inArchive} from the archive, ${inKafka} from Kafka`],
    ['left out', String(leftOut)],
  ];
  return rows.map(([head, value]) => `${colours.dim(head.padEnd(11))} ${value}`);
}

function leftOutLine({ correlationId, controlId, flow, obstacle }: LeftOut): string {
  const why =
    obstacle === 'GONE'
      ? 'its content is not kept in full, and Kafka has it no more'
      : 'nothing of it stands at this stage: it was rejected, or went nowhere';
  return `${controlId} of ${flow} (${correlationId}) is left out: ${why}`;
}

async function list(options: JsonOptions): Promise<void> {
  const { listReplays } = await import('@integration-hub/replay');
  const replays = await withArchive(options, (archive) => listReplays(archive));
  for (const replay of replays) console.log(options.json ? JSON.stringify(replay) : line(replay));
  if (!options.json) console.error(`${replays.length} replays`);
}

async function show(id: string, options: JsonOptions): Promise<void> {
  refuseWrongId(id);
  const { reportReplay } = await import('@integration-hub/replay');
  const report = await withArchive(options, (archive) => reportReplay(archive, id));
  if (options.json) {
    console.log(JSON.stringify(report));
    return;
  }
  console.log(line(report));
  const target = report.toDestination === '' ? 'where they went' : report.toDestination;
  const pace = report.perSecond === null ? '' : `, at most ${report.perSecond} a second`;
  console.log(`  as ${report.stage}, to ${target}${pace}: ${JSON.stringify(report.selection)}`);
  for (const { at, action, who: person, why } of report.audit) {
    console.log(`  ${clock(at)}  ${action} by ${person}${why === '' ? '' : `: ${why}`}`);
  }
  for (const one of report.examples) console.log(`  ${leftOutLine(one)}`);
}

async function decide(
  what: 'pause' | 'resume' | 'cancel',
  id: string,
  options: DecisionOptions,
): Promise<void> {
  refuseWrongId(id);
  const { cancelReplay, pauseReplay, resumeReplay } = await import('@integration-hub/replay');
  const act = { pause: pauseReplay, resume: resumeReplay, cancel: cancelReplay }[what];
  const replay = await withArchive(options, (archive) =>
    act(archive, id, { who: options.who, why: options.reason }),
  );
  console.log(options.json ? JSON.stringify(replay) : line(replay));
}

function refuseWrongId(id: string): void {
  if (!uuid.test(id)) throw new UsageError(`"${id}" is no id of a replay: see ihub replay list`);
}

function line({
  id,
  name,
  state,
  done,
  total,
  leftOut,
  createdAt,
  who: person,
  reason,
  error,
}: Replay): string {
  const left = leftOut === 0 ? '' : `, ${leftOut} left out`;
  const why = error === '' ? '' : `  ${colours.red(error)}`;
  const called = name === '' ? '' : `  ${name}`;
  return `${colours.bold(id)}${called}  ${state}  ${done} of ${total}${left}  ${clock(createdAt)} by ${person}: ${reason}${why}`;
}

function clock(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', ' ');
}
