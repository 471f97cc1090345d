import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { Message } from '@integration-hub/hl7';
import { MOCK_REPLIES, type MockReply, MockReceiver, type ReceivedMessage } from './mock-receiver.js';
import { wholeNumber } from './option-value.js';
import { onStopSignal } from './stop-signal.js';
import { addTlsOptions, readTlsOptions, type TlsOptions } from './tls-options.js';
import { UsageError } from './usage-error.js';

interface ReceiveOptions extends TlsOptions {
  host: string;
  port: number;
  reply: MockReply;
  delay: number;
  out?: string;
  count?: number;
  json?: true;
}

const EXAMPLE = `
It stops on Ctrl-C, or after --count messages, and its exit code is 0 then; 2 for wrong input.

Examples:
  $ ihub receive --out received
  $ ihub receive --port 2577 --reply AE --delay 200 --count 10
  $ ihub receive --tls --cert mpi.crt --key mpi.key --ca ca.crt
`;

/** Adds `ihub receive`. */
export function register(program: Command): void {
  const command = program
    .command('receive')
    .description('Receive HL7 messages over MLLP in place of a real system, and answer each')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on, 0 for any', wholeNumber('--port', 0, 65_535), 2576)
    .addOption(
      new Option(
        '--reply <reply>',
        'what to answer: an acknowledgement code, nothing, or close the connection',
      )
        .choices(MOCK_REPLIES)
        .default('AA'),
    )
    .option(
      '--delay <milliseconds>',
      'how long to hold each reply back',
      wholeNumber('--delay', 0, 86_400_000),
      0,
    )
    .option('--out <folder>', 'write each message to a file NNNNNN-<MSH-10>.hl7 there')
    .option('--count <number>', 'stop after so many messages', wholeNumber('--count', 1, 1_000_000_000))
    .option('--json', 'print lines of JSON')
    .addHelpText('after', EXAMPLE)
    .action(receive);
  const ca = 'authorities of senders’ certificates, PEM; with it, each must have one';
  addTlsOptions(command, 'certificate to show senders', ca);
}

/** @throws UsageError */
async function serverTls(
  options: ReceiveOptions,
): Promise<{ cert: string; key: string; ca?: string } | undefined> {
  const material = await readTlsOptions(options);
  if (material === undefined) return undefined;
  const { cert, key, ca } = material;
  if (cert === undefined || key === undefined) {
    throw new UsageError('--tls needs --cert and --key: senders must be shown a certificate');
  }
  return { cert, key, ...(ca !== undefined && { ca }) };
}

async function receive(options: ReceiveOptions): Promise<void> {
  const { host, port, reply, delay, out, count = Infinity, json } = options;
  const tls = await serverTls(options);
  const print = (event: string, facts: object, text: string): void => {
    console.log(json ? JSON.stringify({ event, ...facts }) : text);
  };
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  let messages = 0;
  let number = out === undefined ? 0 : await lastNumberIn(out);

  async function take(received: ReceivedMessage): Promise<void> {
    messages += 1;
    number += 1;
    const { controlId, trigger } = headerOf(received.bytes);
    const name = `${String(number).padStart(6, '0')}-${fileSafe(controlId)}.hl7`;
    if (messages >= count) void receiver.stop().then(finish);
    // 'wx': a file that is there already is somebody's evidence.
    if (out !== undefined) await writeFile(join(out, name), received.bytes, { flag: 'wx' });
    const { connection, receivedAt } = received;
    const bytes = received.bytes.length;
    print(
      'message',
      {
        number,
        controlId,
        trigger,
        bytes,
        connection,
        receivedAt,
        ...(out !== undefined && { file: join(out, name) }),
      },
      `${number}  ${controlId || 'no MSH-10'}  ${trigger || 'no MSH-9'}  ${bytes} bytes`,
    );
  }

  const receiver = new MockReceiver(
    { host, port, reply, delayMs: delay, tls },
    {
      message: take,
      problem: (reason, connection) => {
        print('problem', { connection, reason }, `Connection ${connection} closed: ${reason}`);
      },
    },
  );
  const listeningOn = await receiver.start().catch((error: unknown) => {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new UsageError(`Cannot listen on ${host}:${port} (${reason}): give another --host or --port`);
  });
  onStopSignal(() => void receiver.kill().then(finish));
  print('listening', { host, port: listeningOn }, `Listening on ${host}:${listeningOn}, answering ${reply}`);
  await finished;
  const { connections } = receiver;
  print('summary', { messages, connections }, `${messages} messages on ${connections} connections`);
}

/** Files of an earlier run stay, and the numbers go on behind theirs. */
async function lastNumberIn(folder: string): Promise<number> {
  try {
    await mkdir(folder, { recursive: true });
    const names = await readdir(folder);
    return Math.max(0, ...names.map((name) => Number(/^([0-9]{6,})-/.exec(name)?.[1] ?? 0)));
  } catch (error) {
    const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `${folder} can not hold messages (${code}): give --out a folder that can be written to`,
    );
  }
}

function headerOf(bytes: Buffer): { controlId: string; trigger: string } {
  try {
    const message = Message.parse(bytes);
    return { controlId: message.controlId, trigger: message.er7('MSH-9') };
  } catch {
    return { controlId: '', trigger: '' };
  }
}

function fileSafe(controlId: string): string {
  return controlId.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 100) || 'no-control-id';
}
