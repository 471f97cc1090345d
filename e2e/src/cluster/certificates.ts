import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClusterError } from './cluster-error.js';

/** The paths of a certificate and its private key, both PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

/** For whom a certificate is: to Kubernetes, the common name is the user and organizations are its groups. */
export interface Subject {
  commonName: string;
  organization?: string;
  /** As OpenSSL writes them, `IP:127.0.0.1` or `DNS:localhost`; a server needs at least one. */
  names?: string[];
}

const DAYS = '30';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** An authority of one test cluster; its files are in one directory, and it lasts for 30 days. */
export class CertificateAuthority {
  private constructor(
    readonly directory: string,
    readonly own: KeyPair,
  ) {}

  /** @throws ClusterError OPENSSL_FAILED */
  static async create(directory: string): Promise<CertificateAuthority> {
    const own = pair(directory, 'ca');
    await openssl([
      ...['req', '-x509', ...NEW_KEY, '-days', DAYS, '-subj', '/CN=integration-hub-test-cluster'],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
      ...['-keyout', own.key, '-out', own.certificate],
    ]);
    return new CertificateAuthority(directory, own);
  }

  /**
   * A certificate for servers and clients alike, in the files `${name}.crt` and `${name}.key`.
   *
   * @throws ClusterError OPENSSL_FAILED
   */
  async issue(name: string, { commonName, organization, names }: Subject): Promise<KeyPair> {
    const issued = pair(this.directory, name);
    await openssl([
      ...['req', '-x509', '-CA', this.own.certificate, '-CAkey', this.own.key, ...NEW_KEY, '-days', DAYS],
      ...['-subj', `${organization === undefined ? '' : `/O=${organization}`}/CN=${commonName}`],
      ...[
        '-addext',
        'basicConstraints=critical,CA:FALSE',
        '-addext',
        'extendedKeyUsage=serverAuth,clientAuth',
      ],
      ...(names === undefined ? [] : ['-addext', `subjectAltName=${names.join(',')}`]),
      ...['-keyout', issued.key, '-out', issued.certificate],
    ]);
    return issued;
  }
}

/** The key with which service accounts' tokens are signed, and its public half, as the paths of two PEM files. */
export async function createSigningKey(
  directory: string,
): Promise<{ privateKey: string; publicKey: string }> {
  const keys = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const files = { privateKey: join(directory, 'accounts.key'), publicKey: join(directory, 'accounts.pub') };
  await writeFile(files.privateKey, keys.privateKey, { mode: 0o600 });
  await writeFile(files.publicKey, keys.publicKey);
  return files;
}

function pair(directory: string, name: string): KeyPair {
  return { certificate: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
}

async function openssl(args: string[]): Promise<void> {
  await promisify(execFile)('openssl', args).catch((error: unknown) => {
    throw new ClusterError(
      'OPENSSL_FAILED',
      `OpenSSL 3 makes the test cluster's certificates, and it failed. Is it installed (Debian: apt install openssl)? It said: ${String(error)}`,
      { cause: error },
    );
  });
}
