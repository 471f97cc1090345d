/** Where telemetry goes: OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), in protobuf. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import type { TelemetryConfiguration } from '@integration-hub/api';
import { errorShape, type Log } from '../log.js';
import { parseHeaders } from './otlp-headers.js';

/** How long a request may take, in milliseconds. */
export const requestMs = 3_000;

/** It did not take in what was sent. */
export class OtlpEndpointError extends Error {
  /** @param code status of HTTP, or TIMEOUT */
  constructor(readonly code: number | 'TIMEOUT') {
    super(`the endpoint of telemetry answered ${code}; expected a status of 200 to 299`);
  }
}

export class OtlpEndpoint {
  readonly url: string;
  readonly agent: http.Agent | https.Agent;
  readonly #headersFile: string | null;
  readonly #fixedHeaders: Readonly<Record<string, string>>;
  readonly #log: Log;
  #areHeadersMissing = false;

  constructor(
    { endpoint, headersFile, caFile }: Pick<TelemetryConfiguration, 'endpoint' | 'headersFile' | 'caFile'>,
    log: Log,
    fixedHeaders: Readonly<Record<string, string>> = {},
  ) {
    this.url = endpoint.replace(/\/+$/, '');
    this.#headersFile = headersFile;
    this.#fixedHeaders = fixedHeaders;
    this.#log = log;
    if (this.url.startsWith('http:')) this.agent = new http.Agent({ keepAlive: true });
    else this.agent = caFile === null ? new https.Agent({ keepAlive: true }) : new AuthorityAgent(caFile);
  }

  /**
   * Sends one request.
   *
   * @param path such as /v1/traces
   * @param body a request of OTLP in protobuf, in parts
   * @throws OtlpEndpointError, or what the connection failed with, which has a `code`
   */
  async post(path: string, body: readonly Buffer[]): Promise<void> {
    const headers = {
      ...(await this.headers()),
      'content-type': 'application/x-protobuf',
      'content-length': body.reduce((sum, { length }) => sum + length, 0),
    };
    const { request } = this.url.startsWith('http:') ? http : https;
    await new Promise<void>((resolve, reject) => {
      const options = { method: 'POST', agent: this.agent, headers };
      const sent = request(this.url + path, options, (response) => {
        const { statusCode = 0 } = response;
        response.resume();
        response.on('error', reject);
        response.on('end', () => {
          if (statusCode >= 200 && statusCode < 300) resolve();
          else reject(new OtlpEndpointError(statusCode));
        });
      });
      const timer = setTimeout(() => sent.destroy(new OtlpEndpointError('TIMEOUT')), requestMs).unref();
      sent.on('error', reject);
      sent.on('close', () => clearTimeout(timer));
      for (const part of body) sent.write(part);
      sent.end();
    });
  }

  /** Reads the file for each request, so that a changed Secret needs no restart. */
  async headers(): Promise<Readonly<Record<string, string>>> {
    const file = this.#headersFile;
    if (file === null) return this.#fixedHeaders;
    try {
      const text = await readFile(file, 'utf8');
      this.#areHeadersMissing = false;
      return { ...this.#fixedHeaders, ...parseHeaders(text) };
    } catch (error) {
      if (!this.#areHeadersMissing) {
        const fields = { reasonCode: 'TELEMETRY_HEADERS', file, ...errorShape(error) };
        this.#log.warn('the headers of telemetry can’t be read: it is sent without them', fields);
      }
      this.#areHeadersMissing = true;
      return this.#fixedHeaders;
    }
  }
}

/** Trusts the authorities of a file, which it reads for each connection: a changed Secret needs no restart. */
class AuthorityAgent extends https.Agent {
  readonly #caFile: string;

  constructor(caFile: string) {
    // A session that is taken up again would not ask for the certificate.
    super({ keepAlive: true, maxCachedSessions: 0 });
    this.#caFile = caFile;
  }

  override createConnection(
    ...[options, callback]: Parameters<https.Agent['createConnection']>
  ): ReturnType<https.Agent['createConnection']> {
    return super.createConnection({ ...options, ca: readFileSync(this.#caFile) }, callback);
  }
}
