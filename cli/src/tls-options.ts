/** The options of commands that speak TLS, and the files that they name. */
import type { Command } from 'commander';
import { UsageError } from './usage-error.js';

/** As they were typed. */
export interface TlsOptions {
  tls?: true;
  cert?: string;
  key?: string;
  ca?: string;
}

/** Adds `--tls`, `--cert`, `--key` and `--ca`; what --cert and --ca are is told. */
export function addTlsOptions(command: Command, own: string, ca: string): Command {
  return command
    .option('--tls', 'use TLS')
    .option('--cert <file>', `${own}, PEM; with --key`)
    .option('--key <file>', 'its key, PEM without a password')
    .option('--ca <file>', ca);
}

/**
 * Reads the files.
 *
 * @returns PEM texts; undefined without --tls
 * @throws UsageError where an option lacks another one, or a file can't be used
 */
export async function readTlsOptions({
  tls,
  cert,
  key,
  ca,
}: TlsOptions): Promise<{ cert?: string; key?: string; ca?: string } | undefined> {
  if (tls === undefined) {
    if ([cert, key, ca].every((file) => file === undefined)) return undefined;
    throw new UsageError('--cert, --key and --ca are for TLS: give --tls too');
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError('--cert and --key belong together: give both');
  }
  // Loaded only here: without TLS the commands start sooner.
  const { readTlsFiles, TlsFilesError } = await import('@integration-hub/workers');
  try {
    return readTlsFiles({ certificateFile: cert ?? null, keyFile: key ?? null, caFile: ca ?? null });
  } catch (error) {
    if (error instanceof TlsFilesError) throw new UsageError(error.message);
    throw error;
  }
}
