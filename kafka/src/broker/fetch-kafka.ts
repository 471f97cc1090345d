import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BrokerError } from './broker-error.js';

const KAFKA_VERSION = '4.3.1';
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies';

const POM = fileURLToPath(new URL('../../broker/pom.xml', import.meta.url));
const CHECKSUMS = fileURLToPath(new URL('../../broker/jars.sha256', import.meta.url));

export interface FetchKafkaOptions {
  /** Where to keep it; default `${XDG_CACHE_HOME:-~/.cache}/integration-hub`. */
  cacheDirectory?: string;
  /** Is told in a sentence what takes time. */
  onProgress?: (sentence: string) => void;
}

/**
 * Makes sure that Apache Kafka's server is on this machine: its jars are had through Maven once, compared with
 * the SHA-256 sums that this package pins, and kept. Two callers at once do each other no harm.
 *
 * @returns the directory that holds the jars
 * @throws BrokerError MAVEN_MISSING, FETCH_FAILED, CHECKSUM_MISMATCH
 */
export async function fetchKafka(options: FetchKafkaOptions = {}): Promise<string> {
  const cache = options.cacheDirectory ?? defaultCacheDirectory();
  const directory = join(cache, `kafka-${KAFKA_VERSION}`);
  if (await exists(directory)) return directory;

  options.onProgress?.(`Fetching Apache Kafka ${KAFKA_VERSION} (44 MB, once) into ${directory}`);
  await mkdir(cache, { recursive: true });
  const fetched = await mkdtemp(join(cache, 'fetching-'));
  try {
    await runMaven(fetched);
    await verifyJars(fetched, await readFile(CHECKSUMS, 'utf8'));
    await rename(fetched, directory).catch(async (error: unknown) => {
      // Another process was quicker; what it put there has been verified just the same.
      if (!(await exists(directory))) throw error;
    });
  } finally {
    await rm(fetched, { recursive: true, force: true });
  }
  return directory;
}

/**
 * Compares every jar in a directory with a list in the format of `sha256sum`.
 *
 * @throws BrokerError CHECKSUM_MISMATCH, which names the first jar that differs, is missing, or is not listed
 */
export async function verifyJars(directory: string, checksums: string): Promise<void> {
  const expected = new Map(
    checksums
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  const present = await readdir(directory);
  for (const jar of new Set([...expected.keys(), ...present])) {
    const sum = present.includes(jar)
      ? createHash('sha256')
          .update(await readFile(join(directory, jar)))
          .digest('hex')
      : 'missing';
    const wanted = expected.get(jar) ?? 'not among the jars that are expected';
    if (sum !== wanted) {
      throw new BrokerError(
        'CHECKSUM_MISMATCH',
        `${jar} is not the file that Integration Hub was made with (SHA-256 ${sum}, expected ${wanted}). Remove it from Maven's local repository (~/.m2) and try again; if it comes back the same, distrust the repository it comes from.`,
      );
    }
  }
}

async function runMaven(outputDirectory: string): Promise<void> {
  const args = ['-B', '-ntp', '-q', '-f', POM, COPY_DEPENDENCIES, '-DincludeScope=runtime'];
  try {
    await promisify(execFile)('mvn', [...args, `-DoutputDirectory=${outputDirectory}`]);
  } catch (error) {
    const failure = error as NodeJS.ErrnoException & { stdout?: string };
    if (failure.code === 'ENOENT') {
      throw new BrokerError(
        'MAVEN_MISSING',
        'The embedded Kafka is fetched with Maven, and there is no mvn on the PATH. Install Maven (Debian: apt install maven).',
      );
    }
    const reason = /^\[ERROR\] .*$/m.exec(failure.stdout ?? '')?.[0] ?? failure.message;
    throw new BrokerError(
      'FETCH_FAILED',
      `Maven could not fetch Apache Kafka ${KAFKA_VERSION}; is Maven Central, or the mirror in ~/.m2/settings.xml, within reach? It said: ${reason}`,
      { cause: error },
    );
  }
}

function defaultCacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'integration-hub');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
