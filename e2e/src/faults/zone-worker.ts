import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '@integration-hub/api';
import { workerProgram } from '@integration-hub/workers';
import { KeptProcess } from './kept-process.js';
import { jumpingClock } from './jumping-clock.js';
import type { ZoneName, ZoneNetwork } from './zone-network.js';

/** One replica of a stage, as a process in the network of its zone. */
export class ZoneWorker extends KeptProcess {
  readonly stage: Stage;
  readonly zone: ZoneName;
  readonly #configurationFile: string;

  /** @param program another program than ours, which takes the same `--config FILE` */
  constructor(
    stage: Stage,
    zone: ZoneName,
    network: ZoneNetwork,
    directory: string,
    program = workerProgram,
  ) {
    const name = `${stage.name} in ${zone}`;
    const configurationFile = join(directory, `${name}.json`);
    const [command, ...words] = network.within(zone);
    super(
      name,
      [command, ...words, process.execPath, '--import', jumpingClock, program, '--config', configurationFile],
      join(directory, `${name}.log`),
    );
    this.stage = stage;
    this.zone = zone;
    this.#configurationFile = configurationFile;
  }

  override async start(): Promise<void> {
    const health = { host: '127.0.0.1', tcpPort: 0, httpPort: 0 };
    await writeFile(this.#configurationFile, JSON.stringify({ ...this.stage.configuration, health }));
    await super.start();
  }
}
