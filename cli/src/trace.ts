/** `ihub trace`: one message's road, from the archive. */
import type { FoundMessage, Replay, StepOnRoad } from '@integration-hub/store';
import type { Command } from 'commander';
import { colours } from './colours.js';
import { type ArchiveOptions, archiveOptions } from './archive-options.js';

interface Options extends ArchiveOptions {
  content?: true;
  json?: true;
}

/** Messages with one MSH-10 that are shown at most. */
const mostMessages = 20;

const EXAMPLE = `
Shows what became of a message at each stage, when, and how long after it was received. --content shows what was kept of
it as well, decrypted: where its flow says "contentPolicy: Full" this prints patients' data.

Exit code: 0 when it was found, 1 when it was not, 2 for wrong input.

Examples:
  $ ihub trace 0b5f7f0e-3a6e-4b43-9f0e-0f6c3d2e1a00
  $ ihub trace 4711 --content
`;

/** Adds the command to the program. */
export function register(program: Command): void {
  const command = program
    .command('trace')
    .description('Show one message’s road through the stages, from the archive')
    .argument('<id>', 'its correlation id, or its MSH-10')
    .option('--content', 'what was kept of it at each step: this may print patients’ data')
    .option('--json', 'one JSON object a line for each message');
  archiveOptions(command).addHelpText('after', EXAMPLE).action(trace);
}

async function trace(id: string, options: Options): Promise<void> {
  const { openArchive } = await import('./archive-connection.js');
  const archive = await openArchive(options);
  try {
    const isCorrelation = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
    const wanted = isCorrelation ? { correlationId: id } : { controlId: id };
    const messages = await archive.search({ ...wanted, limit: mostMessages });
    const roads = await archive.roads(messages);
    const steps = Map.groupBy(roads, ({ correlationId }) => correlationId);
    const replays = await archive.replays.some([
      ...new Set(roads.map(({ replay }) => replay).filter((id) => id !== '')),
    ]);
    // The earliest first: it is read like a story.
    for (const message of messages.toReversed()) {
      const road = steps.get(message.correlationId) ?? [];
      if (options.json) console.log(JSON.stringify(asJson(message, road, replays, options.content)));
      else console.log(inFull(message, road, replays, options.content).join('\n'));
    }
    if (messages.length === mostMessages) {
      console.error(`there may be more with this MSH-10: see ihub search --control-id`);
    }
    if (messages.length > 0) return;
    console.error(`the archive has no message with this ${isCorrelation ? 'correlation id' : 'MSH-10'}`);
    process.exitCode = 1;
  } finally {
    await archive.close();
  }
}

/** As OpenTelemetry names what was traced of the message, if it was (docs/telemetry.md). */
function traceIdOf(correlationId: string): string {
  return correlationId.replaceAll('-', '');
}

/** Those that a road has steps of. */
function replaysOn(road: readonly StepOnRoad[], replays: readonly Replay[]): Replay[] {
  return replays.filter(({ id }) => road.some(({ replay }) => replay === id));
}

function asJson(
  message: FoundMessage,
  road: readonly StepOnRoad[],
  replays: readonly Replay[],
  withContent: true | undefined,
): object {
  return {
    ...message,
    traceId: traceIdOf(message.correlationId),
    replays: replaysOn(road, replays).map(({ id, name, who, reason, createdAt }) => {
      return { id, name, who, reason, createdAt };
    }),
    steps: road.map(({ content, ...step }) => ({
      ...step,
      ms: step.at.getTime() - step.receivedAt.getTime(),
      ...(withContent && { content: content()?.toString('base64') ?? null }),
    })),
  };
}

function inFull(
  message: FoundMessage,
  road: readonly StepOnRoad[],
  replays: readonly Replay[],
  withContent: true | undefined,
): string[] {
  const { flow, messageType, controlId, sendingApplication, receivedAt, correlationId } = message;
  const rows = road.map((step) => [
    step.at.toISOString().replace('T', ' ').replace('Z', ''),
    `+${step.at.getTime() - receivedAt.getTime()} ms`,
    step.replayed ? `${step.kind}, again` : step.kind,
    place(step),
    [step.code, step.reason].filter((text) => text !== '').join(': '),
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  return [
    `${colours.bold(controlId)}  ${messageType} from ${sendingApplication}, flow ${flow}, correlation ${correlationId}`,
    `  trace ${traceIdOf(correlationId)}`,
    ...rows.flatMap((row, index) => [
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
      ...(withContent ? contentLines(road[index]!) : []),
    ]),
    ...replaysOn(road, replays).map(
      ({ id, who, reason, createdAt }) =>
        `  again by the replay ${id}: ${who}, ${createdAt.toISOString().slice(0, 16).replace('T', ' ')}: ${reason}`,
    ),
    '',
  ];
}

function place({ stage, destination }: StepOnRoad): string {
  if (destination === '') return stage;
  return stage === '' ? `for ${destination}` : `${stage} for ${destination}`;
}

function contentLines({ content, contentPolicy }: StepOnRoad): string[] {
  const text = content()?.toString('utf8');
  if (text === undefined) return contentPolicy === 'None' ? [] : [colours.dim('      (no content was kept)')];
  return text
    .trimEnd()
    .split(/[\r\n]+/)
    .map((segment) => colours.dim(`      ${segment}`));
}
