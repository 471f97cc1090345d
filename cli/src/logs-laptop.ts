/** The logs of `ihub up`: a file for each stage in its data folder. */
import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { workerConfiguration, type WorkerConfiguration } from '@integration-hub/api';
import { timeOf, type LogLine } from './logs-line.js';
import { UsageError } from './usage-error.js';

const lookEveryMs = 200;

/**
 * The stages of a flow, as their configurations in the data folder say.
 *
 * @param withDestinations with the senders that deliver its messages
 * @throws UsageError where there is no such flow
 */
export async function localStages(
  data: string,
  flow: string,
  withDestinations: boolean,
): Promise<{ readonly name: string; readonly role: string }[]> {
  const folder = join(data, 'configuration');
  const names = await readdir(folder).catch(() => {
    throw new UsageError(`${data} is no data folder of ihub up: give another one with --data`);
  });
  const read = await Promise.all(names.map((name) => readConfiguration(join(folder, name))));
  const all = read.filter((one) => one !== undefined);
  const ofFlows = all.filter((one) => one.role === 'listener' || one.role === 'transformer');
  const own = ofFlows.filter((one) => one.flow === flow);
  if (own.length === 0) {
    const flows = [...new Set(ofFlows.map((one) => one.flow))].sort();
    throw new UsageError(`${data} has no flow "${flow}": it has ${flows.join(', ') || 'none'}`);
  }
  const topics = own.flatMap((one) =>
    one.role === 'transformer' ? one.routes.map(({ topic }) => topic) : [one.topic],
  );
  const senders = all.filter((one) => one.role === 'sender' && topics.includes(one.topic));
  return [...own, ...(withDestinations ? senders : [])].map(({ stage, role }) => ({ name: stage, role }));
}

async function readConfiguration(file: string): Promise<WorkerConfiguration | undefined> {
  // One that another version of ihub has written may be of another form.
  const parsed = workerConfiguration.safeParse(JSON.parse(await readFile(file, 'utf8')));
  return parsed.data;
}

/**
 * The lines of a stage's log; of one that has none yet, nothing.
 *
 * @param signal ends it where it is followed; absent: it ends where the file does
 */
export async function* localLines(
  data: string,
  stage: string,
  signal?: AbortSignal,
): AsyncGenerator<LogLine> {
  const path = join(data, 'logs', `${stage}.log`);
  const decoder = new TextDecoder();
  const buffer = Buffer.alloc(1 << 16);
  let [position, rest, time] = [0, '', 0];
  for (;;) {
    const file = await open(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    try {
      // A new `up` in a folder that was emptied writes a new file.
      if (file !== undefined && (await file.stat()).size < position) [position, rest] = [0, ''];
      for (;;) {
        const { bytesRead = 0 } = (await file?.read(buffer, 0, buffer.length, position)) ?? {};
        if (bytesRead === 0) break;
        position += bytesRead;
        const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split('\n');
        rest = lines.pop()!;
        for (const text of lines) {
          time = timeOf(text) ?? time;
          if (text !== '') yield { source: stage, time, text };
        }
      }
    } finally {
      await file?.close();
    }
    if (signal === undefined) {
      // The last line of a worker that was killed may have no end.
      if (rest !== '') yield { source: stage, time: timeOf(rest) ?? time, text: rest };
      return;
    }
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
  }
}
