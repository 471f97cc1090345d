/** Why a Kafka and a client don't come together though the one runs and the other asks: certificates, logins, rights. */
import { X509Certificate } from 'node:crypto';
import type { KafkaConnection } from './connection.js';

/** What is wrong; stable, for programs to tell apart. */
export type RefusalCode =
  | 'BROKER_NOT_TRUSTED'
  | 'BROKER_CERTIFICATE_EXPIRED'
  | 'BROKER_NAME_WRONG'
  | 'CERTIFICATE_REFUSED'
  | 'NO_TLS_THERE'
  | 'LOGIN_REFUSED'
  | 'NOT_AUTHORIZED';

export interface Refusal {
  readonly code: RefusalCode;
  /** A sentence or two: what was refused, and what to do. Holds nothing secret, and nothing of a record. */
  readonly text: string;
}

interface Cause {
  readonly name?: unknown;
  readonly code?: unknown;
  /** Kafka's name of the error, as kafkajs and we have it; and as the second client does. */
  readonly type?: unknown;
  readonly apiId?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

const loginRefused = new Set<unknown>([
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
]);

const what: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: 'a topic',
  GROUP_AUTHORIZATION_FAILED: 'a consumer group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'a transactional id',
  CLUSTER_AUTHORIZATION_FAILED: 'the cluster as a whole',
};

/**
 * Finds a refusal in an error of the Kafka client, however deep.
 *
 * @param tried what was tried, to follow "when"; names of topics, groups and transactional ids only
 * @returns undefined where it is none
 */
export function refusalIn(
  connection: Pick<KafkaConnection, 'tls' | 'sasl'>,
  error: unknown,
  tried?: string,
): Refusal | undefined {
  for (const cause of causes(error)) {
    const found = refusal(connection, cause, tried === undefined ? '' : ` when ${tried}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What an error says, as part of a sentence; of a refusal, what to do about it. */
export function reasonIn(
  connection: Pick<KafkaConnection, 'tls' | 'sasl'>,
  error: unknown,
  tried?: string,
): string {
  return refusalIn(connection, error, tried)?.text.replace(/\.$/, '') ?? (error as Error).message;
}

function* causes(error: unknown, depth = 0): Generator<Cause> {
  if (typeof error !== 'object' || error === null || depth > 8) return;
  const found = error as Cause;
  yield found;
  yield* causes(found.cause, depth + 1);
  if (Array.isArray(found.errors)) for (const one of found.errors) yield* causes(one, depth + 1);
}

function refusal(
  { tls, sasl }: Pick<KafkaConnection, 'tls' | 'sasl'>,
  { name, code, apiId, type = apiId, message }: Cause,
  tried: string,
): Refusal | undefined {
  const text = typeof code === 'string' ? code : '';
  if (untrusted.has(text)) {
    return {
      code: 'BROKER_NOT_TRUSTED',
      text: 'The broker’s certificate is issued by none of the known authorities: have ca.crt (spec.kafka.tls.caSecretName of the Hub) hold the authority that issues the brokers’ certificates.',
    };
  }
  if (text === 'CERT_HAS_EXPIRED' || text === 'CERT_NOT_YET_VALID') {
    return {
      code: 'BROKER_CERTIFICATE_EXPIRED',
      text: 'The broker’s certificate, or its authority’s, is not valid at this time: renew it, or set this machine’s clock right.',
    };
  }
  if (text === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      code: 'BROKER_NAME_WRONG',
      text: 'The broker’s certificate is not for the name that it is reached by: name the brokers in bootstrapServers and advertised.listeners as their certificates do.',
    };
  }
  if (
    /^ERR_SSL_.*(WRONG_VERSION_NUMBER|PACKET_LENGTH|UNKNOWN_PROTOCOL|RECORD_LAYER)/.test(text) ||
    isPlainAnswer(text, message)
  ) {
    return tls === undefined
      ? undefined
      : {
          code: 'NO_TLS_THERE',
          text: 'No TLS is spoken there: name the port of a listener with TLS in bootstrapServers, or take tls away.',
        };
  }
  if (/^ERR_SSL_.*ALERT/.test(text)) {
    const shown = shownBy(tls);
    return {
      code: 'CERTIFICATE_REFUSED',
      text:
        shown === undefined
          ? 'The broker wants a certificate, and none is shown: name its Secret in spec.kafka.tls.certificateSecretName of the Hub.'
          : `The broker refuses the certificate that is shown, ${validity(shown)}: it must be issued by an authority that the broker’s truststore has, and renewed before it expires.`,
    };
  }
  if (name === 'KafkaJSSASLAuthenticationError' || loginRefused.has(type)) {
    return {
      code: 'LOGIN_REFUSED',
      text: `The broker refuses the login${sasl === undefined ? '' : ` with ${sasl.mechanism}`}: username and password of its Secret (spec.kafka.sasl of the Hub) must be a user’s of that Kafka, and the mechanism one that its listener has.`,
    };
  }
  if (typeof type === 'string' && type in what) {
    return {
      code: 'NOT_AUTHORIZED',
      text: `Kafka does not allow this user to use ${what[type]}${tried}: give it the right by a rule (ACL); manifests/strimzi/authorized/users.yaml has all that the hub needs.`,
    };
  }
  return undefined;
}

function shownBy(tls: KafkaConnection['tls']): string | undefined {
  try {
    return tls?.read().cert;
  } catch {
    return '';
  }
}

/** A broker that is spoken to with TLS on its plain port closes the connection. */
function isPlainAnswer(code: string, message: unknown): boolean {
  return code === 'ECONNRESET' && String(message).includes('before secure TLS connection');
}

function validity(pem: string): string {
  try {
    const { validTo } = new X509Certificate(pem);
    const isOver = Date.parse(validTo) < Date.now();
    return `${isOver ? 'which expired on' : 'valid until'} ${new Date(validTo).toISOString()}`;
  } catch {
    return 'which can’t be read';
  }
}
