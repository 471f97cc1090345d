/** What a section stands on: a Kafka of its own, a message, and the programs at both ends; all gone when it is over. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedBroker, TopicAdmin } from '@integration-hub/kafka';
import { type HubRoad, type HubSettings, startHub } from './hub.js';
import { Program } from './program.js';

/** How a section is run. */
export interface SectionSettings {
  readonly seconds: number;
  readonly rounds: number;
  readonly connections: number;
  /** Is told what goes on. */
  readonly onProgress: (sentence: string) => void;
}

interface Stoppable {
  stop(): Promise<void>;
}

export class Bed {
  /** Its bootstrap server. */
  readonly kafka: string;
  readonly kafkaPid: number;
  /** To be written to; removed at the end. */
  readonly directory: string;
  readonly admin: TopicAdmin;
  /** The PHW sample with ten segments. */
  readonly template = readFileSync(new URL('../../messages/phw-ten-segments.hl7', import.meta.url));
  readonly #broker: EmbeddedBroker;
  readonly #stops: (() => Promise<void>)[];

  private constructor(
    broker: EmbeddedBroker,
    directory: string,
    admin: TopicAdmin,
    stops: (() => Promise<void>)[],
  ) {
    this.#broker = broker;
    this.kafka = broker.bootstrapServers[0]!;
    this.kafkaPid = broker.pid;
    this.directory = directory;
    this.admin = admin;
    this.#stops = stops;
  }

  /** Makes one, works on it, and clears it away however that ends. */
  static async with<Result>(work: (bed: Bed) => Promise<Result>): Promise<Result> {
    const directory = await mkdtemp(join(tmpdir(), 'ihub-bench-'));
    const stops: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
    try {
      const broker = await EmbeddedBroker.start({
        dataDirectory: join(directory, 'kafka'),
        logFile: join(directory, 'kafka.log'),
        heapMb: 512,
        isLongLived: true,
      });
      stops.push(() => broker.stop());
      const { bootstrapServers } = broker;
      const admin = await TopicAdmin.connect({ connection: { bootstrapServers, clientId: 'bench' } });
      stops.push(() => admin.close());
      return await work(new Bed(broker, directory, admin, stops));
    } finally {
      for (const stop of stops.reverse()) await stop();
    }
  }

  /** Waits until something has started, and stops it at the end. */
  async keep<Started extends Stoppable>(starting: Promise<Started>): Promise<Started> {
    const started = await starting;
    this.#stops.push(() => started.stop());
    return started;
  }

  /** Kills the broker where it stands, and starts it again. */
  async crashKafka(): Promise<void> {
    await this.#broker.kill();
    await this.#broker.restart();
  }

  /** @param file of a program beside this file, such as `echo.js` */
  program(file: string): Promise<Program> {
    return this.keep(Program.start(file));
  }

  /** @throws Error where a manifest is wrong or a worker does not start */
  hub(settings: Omit<HubSettings, 'kafka' | 'directory' | 'template'>): Promise<HubRoad> {
    const { kafka, directory, template } = this;
    return this.keep(startHub({ ...settings, kafka, directory, template }));
  }

  /** What every message comes from, and what every message goes to. */
  async ends(): Promise<{ load: Program; receiver: Program; receiverPort: number }> {
    const receiver = await this.program('receiver.js');
    const load = await this.program('load-generator.js');
    return { load, receiver, receiverPort: await receiver.ask<number>({ port: true }) };
  }
}
