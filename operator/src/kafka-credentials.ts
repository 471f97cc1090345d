/** With what the operator itself connects to a Hub's Kafka: Secrets, which it reads by the API and keeps in memory only. */
import type { Hub } from '@integration-hub/api';
import type { KafkaConnection, KafkaLogin, KafkaTlsTexts } from '@integration-hub/kafka';
import { checkTlsTexts, TlsFilesError } from '@integration-hub/workers';
import { ApiError, isNotFound } from './kubernetes/api-error.js';
import type { ApiClient } from './kubernetes/api-client.js';
import { resourceTypes } from './kubernetes/object.js';

/** A Kafka, and the Secrets with which the operator connects to it. */
export type KafkaPlace = Pick<Hub['spec']['kafka'], 'bootstrapServers' | 'tls' | 'sasl'> & {
  /** Of the Hub, and so of its Secrets. */
  readonly namespace: string;
};

/** A Secret is missing, may not be read, or lacks a key; the text says which, and what to do. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';

  constructor(
    readonly code: 'SECRET_MISSING' | 'SECRET_FORBIDDEN' | 'SECRET_UNUSABLE',
    message: string,
  ) {
    super(message);
  }
}

type Secret = ReadonlyMap<string, string>;

/** The Kafka of a Hub. */
export function placeOf({ metadata: { namespace }, spec: { kafka } }: Hub): KafkaPlace {
  const { bootstrapServers, tls, sasl } = kafka;
  return { namespace, bootstrapServers, tls, sasl };
}

/** What tells one Kafka, and who connects to it, from others. */
export function placeKey({ namespace, bootstrapServers, tls, sasl }: KafkaPlace): string {
  const servers = bootstrapServers.join(',');
  return tls === undefined && sasl === undefined ? servers : JSON.stringify([servers, namespace, tls, sasl]);
}

export class KafkaCredentials {
  readonly #client: Pick<ApiClient, 'get'>;
  readonly #place: KafkaPlace;
  #texts: KafkaTlsTexts | undefined;
  #login: KafkaLogin | undefined;

  constructor(client: Pick<ApiClient, 'get'>, place: KafkaPlace) {
    this.#client = client;
    this.#place = place;
  }

  /** A connection that is made with what was read last. */
  connection(clientId: string): KafkaConnection {
    const { bootstrapServers, tls, sasl } = this.#place;
    return {
      bootstrapServers,
      clientId,
      ...(tls && { tls: { read: () => known(this.#texts) } }),
      ...(sasl && {
        sasl: {
          mechanism: sasl.mechanism,
          allowWithoutTls: sasl.allowWithoutTls,
          read: () => known(this.#login),
        },
      }),
    };
  }

  /**
   * Reads the Secrets; where one can't be used, what was read before stays.
   *
   * @throws CredentialsError
   */
  async renew(): Promise<void> {
    const { tls, sasl } = this.#place;
    const [texts, login] = [await this.#readTls(tls), await this.#readLogin(sasl)];
    [this.#texts, this.#login] = [texts, login];
  }

  async #readTls(tls: KafkaPlace['tls']): Promise<KafkaTlsTexts | undefined> {
    if (tls === undefined) return undefined;
    const { caSecretName, certificateSecretName: ofWorkers } = tls;
    const [pairName, pairField] =
      tls.operatorCertificateSecretName === undefined
        ? [ofWorkers, 'certificateSecretName']
        : [tls.operatorCertificateSecretName, 'operatorCertificateSecretName'];
    const names: { ca?: string; cert?: string; key?: string } = {};
    const texts: { ca?: string; cert?: string; key?: string } = {};
    if (caSecretName !== undefined) {
      const secret = await this.#read(caSecretName, 'tls.caSecretName');
      texts.ca = this.#key(secret, caSecretName, 'ca.crt');
      names.ca = this.#named(caSecretName, 'ca.crt');
    }
    if (pairName !== undefined) {
      const secret = await this.#read(pairName, `tls.${pairField}`);
      const [cert, key] =
        secret.has('user.crt') && !secret.has('tls.crt')
          ? (['user.crt', 'user.key'] as const)
          : (['tls.crt', 'tls.key'] as const);
      texts.cert = this.#key(secret, pairName, cert);
      texts.key = this.#key(secret, pairName, key);
      names.cert = this.#named(pairName, cert);
      names.key = this.#named(pairName, key);
    }
    try {
      checkTlsTexts(texts, names);
    } catch (error) {
      throw error instanceof TlsFilesError ? new CredentialsError('SECRET_UNUSABLE', error.message) : error;
    }
    return texts;
  }

  async #readLogin(sasl: KafkaPlace['sasl']): Promise<KafkaLogin | undefined> {
    if (sasl === undefined) return undefined;
    const isOwn = sasl.operatorSecretName !== undefined;
    const name = sasl.operatorSecretName ?? sasl.secretName;
    const secret = await this.#read(name, `sasl.${isOwn ? 'operatorSecretName' : 'secretName'}`);
    const username = isOwn ? sasl.operatorUsername : sasl.username;
    const line = (key: string): string => this.#key(secret, name, key).replace(/\r?\n$/, '');
    return { username: username ?? line('username'), password: line('password') };
  }

  async #read(name: string, field: string): Promise<Secret> {
    const { namespace } = this.#place;
    const asked = `The Secret ${name} in ${namespace}, spec.kafka.${field} of the Hub,`;
    let data: Record<string, string>;
    try {
      ({ data = {} } = await this.#client.get(resourceTypes.secret, { name, namespace }));
    } catch (error) {
      if (isNotFound(error)) {
        throw new CredentialsError('SECRET_MISSING', `${asked} is not there: create it, or name another.`);
      }
      if (error instanceof ApiError && error.status === 403) {
        throw new CredentialsError(
          'SECRET_FORBIDDEN',
          `${asked} may not be read by the operator: allow its service account to get it, by a Role with that name (docs/tls.md, Kafka).`,
        );
      }
      throw error;
    }
    return new Map(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
    );
  }

  #key(secret: Secret, name: string, key: string): string {
    const text = secret.get(key);
    if (text !== undefined && text !== '') return text;
    const others = [...secret.keys()].sort().join(', ') || 'none';
    throw new CredentialsError(
      'SECRET_UNUSABLE',
      `The Secret ${name} in ${this.#place.namespace} has no ${key}, with which Kafka is connected to (its keys: ${others}).`,
    );
  }

  #named(name: string, key: string): string {
    return `${key} of the Secret ${name} in ${this.#place.namespace}`;
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the Secrets for this Kafka have not been read yet');
  return value;
}
