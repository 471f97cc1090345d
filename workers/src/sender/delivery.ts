/** One destination's connection: delivers a message and reads the receiver's answer, one message at a time. */
import type { SenderConfiguration } from '@integration-hub/api';
import {
  expectedControlId,
  MessageError,
  MllpConnection,
  MllpError,
  readAcknowledgement,
} from '@integration-hub/hl7/messages';
import { readTlsFiles, TlsFilesError } from '../tls-files.js';

/** How one delivery ended. */
export type Outcome =
  | { readonly kind: 'delivered' }
  /** The receiver answered that it will not take the message. */
  | { readonly kind: 'refused'; readonly code: string; readonly reason: string }
  /** The message can't be sent at all, to any receiver. */
  | { readonly kind: 'undeliverable'; readonly code: string; readonly reason: string }
  /** Not known to be delivered; it is to be tried again. */
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly reason: string;
      readonly unreachable: boolean;
    };

const accepted = new Set(['AA', 'CA']);
const refused = new Set(['AE', 'AR', 'CE', 'CR']);

export class Delivery {
  readonly #configuration: Pick<SenderConfiguration, 'mllp' | 'ackTimeoutMs' | 'destination'>;
  #connection: MllpConnection | undefined;

  constructor(configuration: Pick<SenderConfiguration, 'mllp' | 'ackTimeoutMs' | 'destination'>) {
    this.#configuration = configuration;
  }

  /**
   * Sends one message and waits for its acknowledgement; after a failure on a connection that was open, once more
   * on a fresh one. Rejects with what `confirm` rejects with only.
   * @param bytes the message
   * @param maySend asked at the last moment before the message goes out, for to connect may take long
   * @param confirm waited for once a new connection is open: the network may have been away until then
   * @returns undefined where it was not sent because it must not be
   */
  async deliver(
    bytes: Buffer,
    maySend: () => boolean,
    confirm: () => Promise<void> = () => Promise.resolve(),
  ): Promise<Outcome | undefined> {
    let controlId: string;
    try {
      controlId = expectedControlId(bytes);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      return { kind: 'undeliverable', code: error.code, reason: error.message };
    }
    const first = await this.#try(bytes, controlId, maySend, confirm);
    if (first?.kind !== 'failed' || first.unreachable) return first;
    return (await this.#try(bytes, controlId, maySend, confirm)) ?? first;
  }

  close(): void {
    void this.#connection?.close();
    this.#connection = undefined;
  }

  async #try(
    bytes: Buffer,
    controlId: string,
    maySend: () => boolean,
    confirm: () => Promise<void>,
  ): Promise<Outcome | undefined> {
    if (!maySend()) return undefined;
    const { mllp, ackTimeoutMs, destination } = this.#configuration;
    if (this.#connection && !(await this.#connection.isUsable())) this.close();
    const isNew = this.#connection === undefined;
    try {
      this.#connection ??= await open(mllp);
    } catch (error) {
      if (!(error instanceof MllpError || error instanceof TlsFilesError)) throw error;
      return { kind: 'failed', code: codeOf(error), reason: error.message, unreachable: true };
    }
    try {
      if (isNew) await confirm();
    } catch (error) {
      this.close();
      throw error;
    }
    if (!maySend()) return undefined;
    try {
      const reply = readAcknowledgement(await this.#connection.exchange(bytes, ackTimeoutMs));
      if (reply.controlId !== controlId) {
        this.close();
        const reason = `${destination} acknowledged another message: MSA-2 is not the MSH-10 that was sent`;
        return { kind: 'failed', code: 'WRONG_CONTROL_ID', reason, unreachable: false };
      }
      if (accepted.has(reply.code)) return { kind: 'delivered' };
      if (refused.has(reply.code)) {
        // MSA-3 and ERR are the receiver's words and may quote the patient, so they are not repeated here.
        const reason = `${destination} answered ${reply.code}`;
        return { kind: 'refused', code: `REFUSED_${reply.code}`, reason };
      }
      this.close();
      const reason = `${destination} answered with an MSA-1 that is no acknowledgement code (HL7 table 0008)`;
      return { kind: 'failed', code: 'UNKNOWN_ACKNOWLEDGEMENT', reason, unreachable: false };
    } catch (error) {
      this.close();
      if (error instanceof MllpError && error.code === 'CANNOT_FRAME') {
        return { kind: 'undeliverable', code: error.code, reason: error.message };
      }
      if (error instanceof MllpError || error instanceof MessageError) {
        // Who does not want our certificate will not want it with another message either.
        const unreachable = error.code === 'TLS_FAILED';
        return { kind: 'failed', code: codeOf(error), reason: error.message, unreachable };
      }
      throw error;
    }
  }
}

/** Reads the certificate files for each connection, so that new ones are in use from the next connection on. */
async function open(mllp: SenderConfiguration['mllp']): Promise<MllpConnection> {
  if (mllp.tls === null) return MllpConnection.open({ ...mllp, tls: undefined });
  const { serverName, minVersion } = mllp.tls;
  return MllpConnection.open({ ...mllp, tls: { ...readTlsFiles(mllp.tls), serverName, minVersion } });
}

/** Says of a failure of TLS which: TLS_EXPIRED, TLS_UNKNOWN_AUTHORITY … */
function codeOf(error: MllpError | MessageError | TlsFilesError): string {
  return error instanceof MllpError && error.tlsFailure !== undefined
    ? `TLS_${error.tlsFailure}`
    : error.code;
}
