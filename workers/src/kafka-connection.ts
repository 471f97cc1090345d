/** How a process connects to Kafka, as its configuration says. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KafkaAccess, KafkaLibrary } from '@integration-hub/api';
import type { KafkaConnection, KafkaLogin, KafkaTlsTexts } from '@integration-hub/kafka';
import { readTlsFiles, TlsFilesError, type TlsFiles } from './tls-files.js';

/**
 * A connection whose certificates and login are read from their files whenever one is made, so that what Kubernetes has
 * renewed in a Secret holds without a restart.
 *
 * @param kafka with the library that is used; kafkajs where none is named
 * @param clientId names this client in the brokers' logs and quotas
 */
export function kafkaConnection(
  kafka: KafkaAccess & { readonly client?: KafkaLibrary },
  clientId: string,
): KafkaConnection {
  const { bootstrapServers, client, tls, sasl } = kafka;
  return {
    bootstrapServers,
    clientId,
    ...(client && { client }),
    ...(tls && { tls: { read: () => readKafkaTls(tls) } }),
    ...(sasl && {
      sasl: {
        mechanism: sasl.mechanism,
        allowWithoutTls: sasl.allowWithoutTls,
        read: () => readLogin(sasl),
      },
    }),
  };
}

/** @throws TlsFilesError */
export function readKafkaTls(tls: NonNullable<KafkaAccess['tls']>): KafkaTlsTexts {
  return readTlsFiles(withKafkaUser(tls));
}

/** Strimzi calls the files of a KafkaUser's Secret user.crt and user.key. */
function withKafkaUser(files: TlsFiles): TlsFiles {
  const { certificateFile } = files;
  if (certificateFile === null || existsSync(certificateFile)) return files;
  const [certificate, key] = ['user.crt', 'user.key'].map((name) => join(dirname(certificateFile), name));
  return existsSync(certificate!) ? { ...files, certificateFile: certificate!, keyFile: key! } : files;
}

/** @throws TlsFilesError */
function readLogin({ username, usernameFile, passwordFile }: NonNullable<KafkaAccess['sasl']>): KafkaLogin {
  return { username: username ?? readText(usernameFile!), password: readText(passwordFile) };
}

function readText(file: string): string {
  let text: string;
  try {
    // An editor, or `kubectl create secret --from-file`, may have left the end of a line.
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const { code = 'no reason given' } = error as NodeJS.ErrnoException;
    throw new TlsFilesError(`${file} can't be read (${code}): it must be there, for the login to Kafka`);
  }
  if (text === '') throw new TlsFilesError(`${file} is empty: it must hold what the login to Kafka needs`);
  return text;
}
