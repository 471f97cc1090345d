/**
 * Where spans go while nobody takes them in: a file of one OTLP request a line, in OTLP's JSON encoding
 * (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/), which the Collector's otlpjsonfile receiver reads.
 */
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

export class SpanFile {
  readonly file: string;
  readonly #folder: string;
  readonly #mostBytes: number;
  #bytes: number | undefined;

  /**
   * @param name of the stage; the file is `<name>.jsonl`, and that before it `<name>.1.jsonl`
   * @param mostBytes of each of the two
   */
  constructor(folder: string, name: string, mostBytes = 8 * 1_048_576) {
    this.#folder = folder;
    this.file = join(folder, `${name}.jsonl`);
    this.#mostBytes = mostBytes;
  }

  /**
   * @param request an ExportTraceServiceRequest in protobuf
   * @returns false where it is not kept: the disk does not take it
   */
  async keep(request: Buffer): Promise<boolean> {
    try {
      // Loaded where it is needed, which is seldom.
      const { readOtlpTraces } = await import('./otlp-messages.js');
      await this.#write(Buffer.from(`${JSON.stringify(readOtlpTraces(request))}\n`));
      return true;
    } catch {
      // Begun anew with the next: the folder may have gone.
      this.#bytes = undefined;
      return false;
    }
  }

  async #write(line: Buffer): Promise<void> {
    this.#bytes ??= await this.#begin();
    if (this.#bytes > 0 && this.#bytes + line.length > this.#mostBytes) {
      await rename(this.file, this.file.replace(/\.jsonl$/, '.1.jsonl'));
      this.#bytes = 0;
    }
    await appendFile(this.file, line);
    this.#bytes += line.length;
  }

  async #begin(): Promise<number> {
    await mkdir(this.#folder, { recursive: true });
    return stat(this.file).then(
      ({ size }) => size,
      () => 0,
    );
  }
}
