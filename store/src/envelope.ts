/** What is kept of a record beside its message, and where what is encrypted belongs. */
import type { ArchivedStep, Envelope } from './archived-step.js';

type Place = Pick<ArchivedStep, 'correlationId' | 'origin'>;

/** To which step a content belongs. */
export function contentPlace({ correlationId, origin }: Place): string {
  return `${correlationId}/${origin}`;
}

/** To which step an envelope belongs. */
export function envelopePlace(step: Place): string {
  return `${contentPlace(step)}/envelope`;
}

/** Writes an envelope as bytes, to be encrypted. */
export function writeEnvelope({ key, ...rest }: Envelope): Buffer {
  return Buffer.from(JSON.stringify({ key: key?.toString('base64') ?? null, ...rest }));
}

/** Reads what `writeEnvelope` has written. */
export function readEnvelope(bytes: Buffer): Envelope {
  const { key, ...rest } = JSON.parse(bytes.toString('utf8')) as Omit<Envelope, 'key'> & {
    key: string | null;
  };
  return { key: key === null ? null : Buffer.from(key, 'base64'), ...rest };
}
