/**
 * Overrides of alerts in a file beside the hub's data, for a console without a Kubernetes. What the file says of a
 * resource holds in place of its annotation.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { type AlertOverride, alertOverrides } from '@integration-hub/api';
import { errorShape, type Log } from '@integration-hub/workers';
import { z } from 'zod';
import {
  type OverrideChange,
  type OverrideStore,
  type OverrideSubject,
  subjectKey,
} from './override-store.js';

const content = z.record(z.string(), alertOverrides);

export class OverrideFile implements OverrideStore {
  readonly #file: string;
  #known: Readonly<Record<string, readonly AlertOverride[]>>;

  private constructor(file: string, known: Readonly<Record<string, readonly AlertOverride[]>>) {
    this.#file = file;
    this.#known = known;
  }

  /** Reads what a former console has kept. A file that is not as it must be is told of, and written anew when needed. */
  static async open(file: string, log: Log): Promise<OverrideFile> {
    try {
      return new OverrideFile(file, content.parse(JSON.parse(await readFile(file, 'utf8'))));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        log.warn(`${file} can’t be read: alarms that it silenced or tuned are no longer`, errorShape(error));
      }
      return new OverrideFile(file, {});
    }
  }

  of(subject: OverrideSubject, planned: readonly AlertOverride[]): readonly AlertOverride[] {
    return this.#known[subjectKey(subject)] ?? planned;
  }

  async change(
    subject: OverrideSubject,
    planned: readonly AlertOverride[],
    change: OverrideChange,
  ): Promise<void> {
    const next = { ...this.#known, [subjectKey(subject)]: change(this.of(subject, planned)) };
    // In one step: whatever happens meanwhile, it is whole.
    await writeFile(`${this.#file}.new`, `${JSON.stringify(next, null, 2)}\n`);
    await rename(`${this.#file}.new`, this.#file);
    this.#known = next;
  }
}
