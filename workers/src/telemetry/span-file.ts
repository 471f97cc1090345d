/**
 * Where spans go while nobody takes them in: a file of one OTLP request a line, in OTLP's JSON encoding
 * (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/), which the Collector's otlpjsonfile receiver reads.
 */
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

export class SpanFile {
  readonly file: string;
  readonly #folder: string;
  readonly #mostBytes: number;
  #bytes: number | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #underWay = 0;

  /**
   * @param name of the stage; the file is `<name>.jsonl`, and that before it `<name>.1.jsonl`
   * @param mostBytes of each of the two
   */
  constructor(folder: string, name: string, mostBytes = 8 * 1_048_576) {
    this.#folder = folder;
    this.file = join(folder, `${name}.jsonl`);
    this.#mostBytes = mostBytes;
  }

  /** @returns false where the spans are not kept: the disk does not take them, or not so fast */
  async keep(spans: readonly ReadableSpan[]): Promise<boolean> {
    // What waits for a disk would be memory without a bound.
    if (this.#underWay > 0) return false;
    const bytes = JsonTraceSerializer.serializeRequest([...spans]);
    if (bytes === undefined) return false;
    this.#underWay += 1;
    const written = this.#write(Buffer.concat([bytes, Buffer.from('\n')]));
    this.#last = written;
    const isWritten = await written;
    this.#underWay -= 1;
    return isWritten;
  }

  /** Resolves when what was kept is written. */
  async close(): Promise<void> {
    await this.#last;
  }

  async #write(line: Buffer): Promise<boolean> {
    try {
      this.#bytes ??= await this.#begin();
      if (this.#bytes > 0 && this.#bytes + line.length > this.#mostBytes) {
        await rename(this.file, this.file.replace(/\.jsonl$/, '.1.jsonl'));
        this.#bytes = 0;
      }
      await appendFile(this.file, line);
      this.#bytes += line.length;
      return true;
    } catch {
      // Begun anew with the next: the folder may have gone.
      this.#bytes = undefined;
      return false;
    }
  }

  async #begin(): Promise<number> {
    await mkdir(this.#folder, { recursive: true });
    return stat(this.file).then(
      ({ size }) => size,
      () => 0,
    );
  }
}
