/** Certificates for tests, made by openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, PEM. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to be like. */
export interface TestCertificateWishes {
  /** As openssl writes them; absent: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  readonly expired?: boolean;
  /** Extended key usage, such as serverAuth; absent: any. */
  readonly usage?: string;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key'];

/** An authority of its own. */
export class TestAuthority {
  /** Its certificate, PEM: what others have as ca.crt. */
  readonly ca: string;
  readonly #key: string;

  constructor(name = 'test authority') {
    const { cert, key } = inFolder({}, (openssl) =>
      openssl('req', '-x509', ...newKey, '-out', 'cert', '-subj', `/CN=${name}`, '-days', '2'),
    );
    [this.ca, this.#key] = [cert, key];
  }

  issue(commonName: string, wishes: TestCertificateWishes = {}): TestCertificate {
    const { names = 'DNS:localhost,IP:127.0.0.1', expired = false, usage } = wishes;
    const extensions = `subjectAltName=${names}\n${usage === undefined ? '' : `extendedKeyUsage=${usage}\n`}`;
    return inFolder({ ca: this.ca, caKey: this.#key, extensions }, (openssl) => {
      openssl('req', '-new', ...newKey, '-out', 'request', '-subj', `/CN=${commonName}`);
      const issuing = ['-in', 'request', '-CA', 'ca', '-CAkey', 'caKey', '-CAcreateserial'];
      const days = ['-days', expired ? '-1' : '2'];
      openssl('x509', '-req', ...issuing, ...days, '-extfile', 'extensions', '-out', 'cert');
    });
  }
}

function inFolder(
  files: Readonly<Record<string, string>>,
  make: (openssl: (...args: string[]) => void) => void,
): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'ihub-certificates-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    make((...args) => void execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' }));
    return {
      cert: readFileSync(join(folder, 'cert'), 'utf8'),
      key: readFileSync(join(folder, 'key'), 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
