import { SingleBar } from 'cli-progress';
import { type Command, Option } from 'commander';
import { colours } from './colours.js';
import { MllpError } from '@integration-hub/hl7';
import { type FileMessage, numbered, readMessageFile } from './message-file.js';
import { type Outcome, sendMessages } from './message-sending.js';
import { duration, rate, wholeNumber } from './option-value.js';
import { onStopSignal } from './stop-signal.js';
import { addTlsOptions, readTlsOptions, type TlsOptions } from './tls-options.js';
import { UsageError } from './usage-error.js';

interface SendOptions extends TlsOptions {
  serverName?: string;
  host: string;
  port: number;
  rate?: number;
  connections: number;
  count?: number;
  number?: true;
  timeout: number;
  verbose?: true;
  json?: true;
}

const EXAMPLE = `
A file holds messages as text, each from a line that starts with MSH (LF and CRLF are sent as CR), or MLLP frames,
which are sent as they are. Order is kept on one connection only.

Exit code: 0 when every message was acknowledged with AA or CA, 1 when not, 2 for wrong input.

Examples:
  $ ihub send samples/*.hl7
  $ ihub send --port 2575 --connections 10 --rate 200/s --count 10000 --number samples/phw-to-mpi.hl7
  $ ihub send --tls --ca ca.crt --cert pas.crt --key pas.key --server-name hub.example samples/phw-to-mpi.hl7
`;

/** Adds `ihub send`. */
export function register(program: Command): void {
  const command = program
    .command('send')
    .description('Send HL7 messages over MLLP and wait for the acknowledgement of each')
    .argument('<file...>', 'files with HL7 messages')
    .option('--host <host>', 'where to send to', '127.0.0.1')
    .option('--port <number>', 'its port', wholeNumber('--port', 1, 65_535), 2575)
    .option('--rate <messages>', 'at most so many messages a second, as in 200/s', rate('--rate'))
    .option('--connections <number>', 'connections at a time', wholeNumber('--connections', 1, 10_000), 1)
    .option('--count <number>', 'send so many, round the files', wholeNumber('--count', 1, 1_000_000_000))
    .option('--number', 'give each message an MSH-10 of its own: -1, -2 … behind it')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for an acknowledgement')
        .argParser(duration('--timeout'))
        .default(30_000, '30s'),
    )
    .option(
      '--server-name <name>',
      'with --tls: the name that the receiver’s certificate must have, if not --host',
    )
    .option('--verbose', 'a line for each message')
    .option('--json', 'a line of JSON for each message, and one for the summary')
    .addHelpText('after', EXAMPLE)
    .action(send);
  const ca = 'authorities of the receiver’s certificate, PEM; without it, the public ones';
  addTlsOptions(command, 'certificate to show the receiver', ca);
}

async function send(files: string[], options: SendOptions): Promise<void> {
  const material = await readTlsOptions(options);
  if (material === undefined && options.serverName !== undefined) {
    throw new UsageError('--server-name is for TLS: give --tls too');
  }
  const tls = material && { ...material, serverName: options.serverName };
  const messages = (await Promise.all(files.map(readMessageFile))).flat();
  const count = options.count ?? messages.length;
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const bar = progressBar(options);
  bar?.start(count, 0);
  const tally = new Tally();
  try {
    const perSecond = options.rate;
    const { host, port, connections, timeout } = options;
    const sending = { host, port, connections, perSecond, timeoutMs: timeout, signal: stop.signal, tls };
    await sendMessages(round(messages, count, options.number === true), sending, (outcome) => {
      tally.add(outcome);
      bar?.increment();
      if (options.json)
        console.log(JSON.stringify({ event: 'message', ...outcome, latencyMs: rounded(outcome.latencyMs) }));
      else if (options.verbose) console.log(line(outcome));
    });
  } catch (error) {
    if (!(error instanceof MllpError)) throw error;
    bar?.stop();
    console.error(`ihub: ${error.message}`);
  }
  bar?.stop();
  const summary = tally.summary();
  if (options.json)
    console.log(JSON.stringify({ event: 'summary', ...summary, unsent: count - summary.messages }));
  else console.log(text(summary, count, `${options.host}:${options.port}`));
  const accepted = (summary.codes['AA'] ?? 0) + (summary.codes['CA'] ?? 0);
  process.exitCode = accepted === count ? 0 : 1;
}

function* round(messages: FileMessage[], count: number, number: boolean): Generator<FileMessage, void> {
  for (let i = 0; i < count; i++) {
    const message = messages[i % messages.length]!;
    yield number ? numbered(message, i + 1) : message;
  }
}

function progressBar({ json, verbose }: SendOptions): SingleBar | undefined {
  if (!process.stderr.isTTY || json || verbose) return undefined;
  const format = '{bar} {value} of {total} messages, {eta_formatted} to go';
  return new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
}

interface Summary {
  messages: number;
  /** How many messages had each outcome, such as AA, AE, none or closed. */
  codes: Record<string, number>;
  seconds: number;
  perSecond: number;
  /** Of the messages that were answered; null when none was. */
  latencyMs: { p50: number; p95: number; p99: number; max: number } | null;
}

class Tally {
  readonly #start = performance.now();
  readonly #codes = new Map<string, number>();
  readonly #latencies: number[] = [];
  #messages = 0;

  add({ code, latencyMs }: Outcome): void {
    this.#messages += 1;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    if (code !== 'none' && code !== 'closed') this.#latencies.push(latencyMs);
  }

  summary(): Summary {
    const seconds = (performance.now() - this.#start) / 1000;
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number): number => rounded(sorted[Math.ceil(share * sorted.length) - 1]!);
    return {
      messages: this.#messages,
      codes: Object.fromEntries([...this.#codes].sort()),
      seconds: rounded(seconds),
      perSecond: rounded(this.#messages / seconds),
      latencyMs: sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) },
    };
  }
}

function rounded(number: number): number {
  return Math.round(number * 1000) / 1000;
}

function line({ controlId, code, latencyMs, text }: Outcome): string {
  const colour = code === 'AA' || code === 'CA' ? colours.green : colours.red;
  return `${colour(code.padEnd(6))} ${latencyMs.toFixed(1).padStart(8)} ms  ${controlId}  ${text}`.trimEnd();
}

function text(
  { messages, codes, seconds, perSecond, latencyMs }: Summary,
  count: number,
  peer: string,
): string {
  const outcomes = Object.entries(codes).map(([code, number]) => `${number} ${code}`);
  if (messages < count) outcomes.push(`${count - messages} not sent`);
  const sent = `${messages} of ${count} messages to ${peer} in ${seconds.toFixed(1)} s, ${perSecond.toFixed(0)}/s`;
  const lines = [`${sent}: ${outcomes.join(', ')}`];
  if (latencyMs !== null) {
    const { p50, p95, p99, max } = latencyMs;
    lines.push(`answered after p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms, at most ${max} ms`);
  }
  return lines.join('\n');
}
