/** What `ihub up` does: starts a hub on this machine, shows it, and stops it when it is told to. */
import { createLogUpdate } from 'log-update';
import { Backlogs } from './backlogs.js';
import { freePort } from '@integration-hub/kafka';
import { toldKafka } from './kafka-address.js';
import { isFree, LocalHub } from './local-hub.js';
import { readManifests } from './manifests.js';
import { countsText, drawScreen, place } from './screen.js';
import { onStopSignal } from './stop-signal.js';
import { UsageError } from './usage-error.js';

const refreshMs = 1_000;
const usualConsolePort = 8090;

/** The options as they were typed. */
export interface UpOptions {
  readonly file: string[];
  readonly kafka?: string;
  readonly kafkaConfig?: string;
  readonly data: string;
  readonly destination?: string[];
  readonly secrets?: string;
  readonly archive?: boolean;
  readonly console: boolean;
  readonly consolePort?: number;
  readonly telemetry?: string;
  readonly json?: boolean;
}

/** Runs until SIGINT or SIGTERM. */
export async function runHub(options: UpOptions): Promise<void> {
  // Not what the environment says: whoever starts a hub for a moment does not mean the one of every day.
  const { kafka: told, kafkaConfig } = options;
  const kafka = told === undefined && kafkaConfig === undefined ? undefined : await toldKafka(options);
  if (options.telemetry !== undefined && !/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(options.telemetry)) {
    throw new UsageError(
      `--telemetry ${options.telemetry}: write the URL of OTLP over HTTP, for example http://localhost:4318`,
    );
  }
  const addresses = new Map((options.destination ?? []).map(readAddress));
  const manifests = await readManifests(options.file);
  const show: Show = options.json
    ? new JsonLines()
    : process.stdout.isTTY
      ? new Screen(options.data)
      : new Lines();

  // A second Ctrl-C must not leave Kafka or workers behind, so it changes nothing.
  const stop = new Promise<void>((resolve) => onStopSignal(resolve));

  const hub = await LocalHub.start(manifests, {
    directory: options.data,
    ...(kafka !== undefined && { kafka }),
    addresses,
    secrets: options.secrets,
    archive: options.archive,
    consolePort: options.console ? await consolePort(options.consolePort) : undefined,
    telemetry: options.telemetry,
    onProgress: (sentence) => show.progress(sentence),
  });
  const backlogs = new Backlogs(
    hub.kafka,
    hub.workers.map((worker) => worker.stage),
  );
  let wasReady = false;
  const refresh = (): void => {
    show.hub(hub, backlogs);
    const ready =
      hub.workers.every((worker) => worker.state === 'running') && hub.console?.state !== 'starting';
    if (ready && !wasReady) show.ready(hub);
    wasReady ||= ready;
  };
  for (const one of [...hub.workers, ...(hub.console ? [hub.console] : [])]) one.on('state', refresh);
  const timer = setInterval(() => void hub.refreshCounts().then(refresh), refreshMs);

  const kafkaEnded = await Promise.race([stop.then(() => false), hub.kafkaEnded.then(() => true)]);
  clearInterval(timer);
  await hub.refreshCounts();
  show.hub(hub, backlogs);
  await backlogs.stop();
  await hub.stop();
  show.done(hub);
  if (kafkaEnded) throw new Error(`Kafka ended by itself; ${options.data}/logs/kafka.log says why`);
}

/** The port that was asked for, else the usual one, or another where that is taken. */
async function consolePort(asked: number | undefined): Promise<number> {
  if (asked !== undefined) return asked;
  return (await isFree(usualConsolePort)) ? usualConsolePort : freePort();
}

function readAddress(text: string): [string, { host: string; port: number }] {
  const match = /^([^=\s]+)=([^\s]+):(\d{1,5})$/.exec(text);
  if (!match)
    throw new UsageError(`--destination ${text}: write NAME=HOST:PORT, for example mpi=localhost:2576`);
  return [match[1]!, { host: match[2]!, port: Number(match[3]) }];
}

/** How progress and counts are shown. */
interface Show {
  progress(sentence: string): void;
  hub(hub: LocalHub, backlogs: Backlogs): void;
  ready(hub: LocalHub): void;
  done(hub: LocalHub): void;
}

/** On a terminal: one screen that is drawn over and over. */
class Screen implements Show {
  readonly #log = createLogUpdate(process.stdout);
  #doing = '';
  #hub: [LocalHub, Backlogs] | undefined;

  constructor(private readonly data: string) {}

  progress(sentence: string): void {
    this.#doing = `${sentence} …`;
    this.#draw();
  }
  hub(hub: LocalHub, backlogs: Backlogs): void {
    this.#hub = [hub, backlogs];
    this.#draw();
  }
  ready(): void {
    this.#doing = '';
    this.#draw();
  }
  /** The counts stay on the terminal. */
  done(): void {
    this.#doing = 'stopped';
    this.#draw();
    this.#log.done();
  }
  #draw(): void {
    const lines =
      this.#hub === undefined ? [] : [...drawScreen(...this.#hub, this.data, process.stdout.columns), ''];
    this.#log([...lines, this.#doing].join('\n'));
  }
}

/** Into a pipe or a file: a line for each change. */
class Lines implements Show {
  readonly #last = new Map<string, string>();

  progress(sentence: string): void {
    console.log(sentence);
  }
  hub(hub: LocalHub, backlogs: Backlogs): void {
    for (const worker of hub.workers) {
      const line = `${worker.stage.name}: ${worker.state}, ${place(worker)}, ${countsText(hub, backlogs, worker)}`;
      if (this.#last.get(worker.stage.name) !== line) console.log(line);
      this.#last.set(worker.stage.name, line);
    }
  }
  ready(hub: LocalHub): void {
    console.log(`ready: ${hub.workers.length} workers run`);
    if (hub.consoleUrl !== undefined) console.log(`console: ${hub.consoleUrl}`);
  }
  done(): void {
    console.log('stopped');
  }
}

/** For programs. */
class JsonLines implements Show {
  readonly #last = new Map<string, string>();

  progress(sentence: string): void {
    this.#write({ event: 'progress', text: sentence });
  }
  hub(hub: LocalHub, backlogs: Backlogs): void {
    for (const worker of hub.workers) {
      const { stage, state, restarts, pid, httpPort } = worker;
      const line = {
        event: 'stage',
        stage: stage.name,
        role: stage.role,
        state,
        restarts,
        pid,
        httpPort,
        ...hub.counts(worker),
        waiting: backlogs.waiting(stage),
      };
      const text = JSON.stringify(line);
      if (this.#last.get(stage.name) !== text) this.#write(line);
      this.#last.set(stage.name, text);
    }
  }
  ready(hub: LocalHub): void {
    this.#write({ event: 'ready', kafka: hub.bootstrapServers, console: hub.consoleUrl });
  }
  done(): void {
    this.#write({ event: 'stopped' });
  }
  #write(line: object): void {
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}
