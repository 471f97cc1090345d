/**
 * The file that says how a Kafka is connected to: properties, with the names that librdkafka and kcat have for them. So
 * that it can be shown to others, passwords and keys are files of their own.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type KafkaAccess, saslMechanism } from '@integration-hub/api';
import { UsageError } from './usage-error.js';

/** What such a file says; without servers where it names none. */
export type KafkaProperties = Pick<KafkaAccess, 'tls' | 'sasl'> & { readonly bootstrapServers?: string[] };

const known = [
  'bootstrap.servers',
  'security.protocol',
  'ssl.ca.location',
  'ssl.certificate.location',
  'ssl.key.location',
  'sasl.mechanism',
  'sasl.username',
  'sasl.password.location',
] as const;
type Name = (typeof known)[number];

const protocols = ['PLAINTEXT', 'SSL', 'SASL_SSL', 'SASL_PLAINTEXT'];

/**
 * Reads the file; the paths in it are relative to its folder.
 *
 * @throws UsageError where it can't be read, or says what can't be
 */
export async function readKafkaProperties(file: string): Promise<KafkaProperties> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new UsageError(`${file} can't be read (${code}): it must say how Kafka is connected to`);
  });
  return kafkaProperties(text, file);
}

/** @param file where the text is from */
export function kafkaProperties(text: string, file: string): KafkaProperties {
  const found = parse(text, file);
  const wrong = (sentence: string): never => {
    throw new UsageError(`${file}: ${sentence}`);
  };
  const path = (name: Name): string | null => {
    const value = found.get(name);
    return value === undefined ? null : resolve(dirname(file), value);
  };
  const protocol = found.get('security.protocol') ?? 'PLAINTEXT';
  if (!protocols.includes(protocol)) wrong(`security.protocol must be one of ${protocols.join(', ')}`);
  const tls = protocol.endsWith('SSL')
    ? {
        caFile: path('ssl.ca.location'),
        certificateFile: path('ssl.certificate.location'),
        keyFile: path('ssl.key.location'),
      }
    : null;
  const ofTls = known.filter((name) => name.startsWith('ssl.') && found.has(name));
  if (tls === null && ofTls.length > 0) wrong(`${ofTls[0]} belongs to security.protocol=SSL or SASL_SSL`);
  if ((tls?.certificateFile === null) !== (tls?.keyFile === null))
    wrong('ssl.certificate.location and ssl.key.location belong together: give both, or none');
  const servers = found.get('bootstrap.servers')?.split(',');
  return {
    tls,
    sasl: protocol.startsWith('SASL') ? login(found, path, wrong, tls === null) : withoutLogin(found, wrong),
    ...(servers && { bootstrapServers: servers.map((server) => server.trim()) }),
  };
}

/** The text of a file that says the same wherever it is. */
export function kafkaPropertiesText({ tls, sasl }: KafkaProperties): string {
  const values: Record<Name, string | null | undefined> = {
    'bootstrap.servers': undefined,
    'security.protocol': `${sasl ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`,
    'ssl.ca.location': tls?.caFile,
    'ssl.certificate.location': tls?.certificateFile,
    'ssl.key.location': tls?.keyFile,
    'sasl.mechanism': sasl?.mechanism,
    'sasl.username': sasl?.username,
    'sasl.password.location': sasl?.passwordFile,
  };
  return known.map((name) => (values[name] ? `${name}=${values[name]}\n` : '')).join('');
}

function parse(text: string, file: string): Map<Name, string> {
  const found = new Map<Name, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*([#!]|$)/.test(line)) continue;
    const equals = line.indexOf('=');
    const [name, value] = [line.slice(0, equals).trim(), line.slice(equals + 1).trim()];
    const place = `${file}, line ${index + 1}`;
    if (equals < 1 || value === '') throw new UsageError(`${place}: write name=value`);
    if (name === 'sasl.password')
      throw new UsageError(
        `${place}: no password stands here; put it into a file and name that in sasl.password.location`,
      );
    if (!isKnown(name)) throw new UsageError(`${place}: ${name} is none of ${known.join(', ')}`);
    if (found.has(name)) throw new UsageError(`${place}: ${name} is there twice`);
    found.set(name, value);
  }
  return found;
}

function isKnown(name: string): name is Name {
  return (known as readonly string[]).includes(name);
}

function login(
  found: ReadonlyMap<Name, string>,
  path: (name: Name) => string | null,
  wrong: (sentence: string) => never,
  allowWithoutTls: boolean,
): KafkaAccess['sasl'] {
  const mechanism = saslMechanism.safeParse(found.get('sasl.mechanism') ?? 'SCRAM-SHA-512');
  if (!mechanism.success) return wrong(`sasl.mechanism must be one of ${saslMechanism.options.join(', ')}`);
  const username = found.get('sasl.username');
  const passwordFile = path('sasl.password.location');
  if (username === undefined || passwordFile === null)
    return wrong('a login needs sasl.username and sasl.password.location');
  return { mechanism: mechanism.data, username, usernameFile: null, passwordFile, allowWithoutTls };
}

function withoutLogin(found: ReadonlyMap<Name, string>, wrong: (sentence: string) => never): null {
  const name = known.find((one) => one.startsWith('sasl.') && found.has(one));
  return name === undefined ? null : wrong(`${name} belongs to security.protocol=SASL_SSL or SASL_PLAINTEXT`);
}
