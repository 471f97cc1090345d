/** Certificates, keys and authorities in PEM files, as Kubernetes mounts a Secret; checked when read, and watched. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** How often watched files are read. The kubelet takes about a minute to bring a changed Secret. */
const watchMs = 2_000;

/** null: there is none. */
export interface TlsFiles {
  readonly certificateFile: string | null;
  readonly keyFile: string | null;
  readonly caFile: string | null;
}

/** PEM texts. */
export interface TlsMaterial {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** A file that is missing or can't be used; the text says which, and what it must hold. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
  readonly code = 'TLS_FILES';
}

/**
 * Reads the files and looks whether they can be used and fit together. An expired certificate can.
 *
 * @throws TlsFilesError
 */
export function readTlsFiles({ certificateFile, keyFile, caFile }: TlsFiles): TlsMaterial {
  const cert = certificateFile === null ? undefined : read(certificateFile);
  const key = keyFile === null ? undefined : read(keyFile);
  const ca = caFile === null ? undefined : read(caFile);
  const material = {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
  };
  checkTlsTexts(material, { cert: certificateFile!, key: keyFile!, ca: caFile! });
  return material;
}

/**
 * Looks whether texts can be used and fit together.
 *
 * @param names where each is from
 * @throws TlsFilesError
 */
export function checkTlsTexts(
  { cert, key, ca }: TlsMaterial,
  names: { readonly [Part in keyof TlsMaterial]: string },
): void {
  if (cert !== undefined && key !== undefined) {
    const [own] = certificates(cert, names.cert!);
    let fits: boolean;
    try {
      fits = own!.checkPrivateKey(createPrivateKey(key));
    } catch {
      throw new TlsFilesError(
        `${names.key!} holds no key that can be used: it must be PEM, without a password`,
      );
    }
    if (!fits) throw new TlsFilesError(`${names.key!} is not the key of the certificate in ${names.cert!}`);
  }
  // OpenSSL passes over authorities that it can't read, and then trusts nobody.
  if (ca !== undefined) certificates(ca, names.ca!);
}

/** When the certificate of the material ends, in seconds since 1970; undefined where it has none. */
export function expiryOf({ cert }: TlsMaterial): number | undefined {
  return cert === undefined ? undefined : Date.parse(new X509Certificate(cert).validTo) / 1000;
}

/** What a watch tells. */
export interface TlsFilesEvents {
  /** Other files are there, and they can be used. */
  changed(material: TlsMaterial): void;
  /** What is there now can't be used. Told once for each thing that is wrong. */
  unusable(error: TlsFilesError): void;
}

/**
 * Watches by reading: that sees every way of replacing a file, the kubelet's (a link to another folder) among them.
 *
 * @param former what is in use
 * @returns ends the watch
 */
export function watchTlsFiles(files: TlsFiles, former: TlsMaterial, events: TlsFilesEvents): () => void {
  let seen = JSON.stringify(former);
  const timer = setInterval(() => {
    let material: TlsMaterial;
    try {
      material = readTlsFiles(files);
    } catch (error) {
      if (!(error instanceof TlsFilesError)) throw error;
      if (seen !== error.message) events.unusable(error);
      seen = error.message;
      return;
    }
    const now = JSON.stringify(material);
    if (now !== seen) events.changed(material);
    seen = now;
  }, watchMs);
  timer.unref();
  return () => clearInterval(timer);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'no reason given' } = error as NodeJS.ErrnoException;
    throw new TlsFilesError(`${file} can't be read (${code}): it must be there, in PEM`);
  }
}

function certificates(pem: string, file: string): X509Certificate[] {
  const blocks = pem.match(
    /-----BEGIN (TRUSTED )?CERTIFICATE-----[^-]+-----END (TRUSTED )?CERTIFICATE-----/g,
  );
  try {
    if (blocks !== null) return blocks.map((block) => new X509Certificate(block));
  } catch {
    // Said below.
  }
  throw new TlsFilesError(`${file} holds no certificate that can be read: it must be PEM`);
}
