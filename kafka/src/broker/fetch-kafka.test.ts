import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { BrokerError } from './broker-error.js';
import { fetchKafka, verifyJars } from './fetch-kafka.js';
import { findJava } from './java.js';

describe('fetching Kafka', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-fetch-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const failure = async (promise: Promise<unknown>): Promise<BrokerError> =>
    promise.then(
      () => expect.fail('should have been refused'),
      (error: unknown) => error as BrokerError,
    );

  /** Runs with a PATH on which mvn is the given shell script, or is not at all. */
  async function withMaven<T>(script: string | undefined, run: () => Promise<T>): Promise<T> {
    const path = process.env.PATH;
    const bin = await mkdtemp(join(tmpdir(), 'ihub-bin-'));
    if (script !== undefined) {
      await writeFile(join(bin, 'mvn'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    process.env.PATH = bin;
    try {
      return await run();
    } finally {
      process.env.PATH = path;
      await rm(bin, { recursive: true });
    }
  }

  it('accepts jars that are what they should be', async () => {
    await writeFile(join(directory, 'a.jar'), 'one');
    await writeFile(join(directory, 'b.jar'), 'two');
    await verifyJars(directory, `${sha256('one')}  a.jar\n${sha256('two')}  b.jar\n`);
  });

  it('names the jar whose checksum differs', async () => {
    await writeFile(join(directory, 'a.jar'), 'one');
    await writeFile(join(directory, 'b.jar'), 'tampered');
    const error = await failure(verifyJars(directory, `${sha256('one')}  a.jar\n${sha256('two')}  b.jar\n`));
    expect(error.code).to.equal('CHECKSUM_MISMATCH');
    expect(error.message).to.match(/^b\.jar is not/);
  });

  it('refuses a jar that is missing, and one that nobody asked for', async () => {
    await writeFile(join(directory, 'a.jar'), 'one');
    const missing = await failure(
      verifyJars(directory, `${sha256('one')}  a.jar\n${sha256('two')}  b.jar\n`),
    );
    expect(missing.message).to.match(/^b\.jar .*missing/);
    const unasked = await failure(verifyJars(directory, ''));
    expect(unasked.message).to.match(/^a\.jar .*not among/);
  });

  it('says when there is no Maven', async () => {
    const error = await withMaven(undefined, () => failure(fetchKafka({ cacheDirectory: directory })));
    expect(error.code).to.equal('MAVEN_MISSING');
  });

  it('quotes what Maven says when it cannot fetch, and leaves nothing behind', async () => {
    const script = 'echo "[ERROR] Could not transfer artifact: Network is unreachable"; exit 1';
    const error = await withMaven(script, () => failure(fetchKafka({ cacheDirectory: directory })));
    expect(error.code).to.equal('FETCH_FAILED');
    expect(error.message).to.contain('Network is unreachable');
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('keeps nothing that has not been verified', async () => {
    const script =
      'for a in "$@"; do case "$a" in -DoutputDirectory=*) echo bad > "${a#*=}/kafka_2.13-4.3.1.jar";; esac; done';
    const error = await withMaven(script, () => failure(fetchKafka({ cacheDirectory: directory })));
    expect(error.code).to.equal('CHECKSUM_MISMATCH');
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('says when Java is missing or too old', async () => {
    const missing = await failure(findJava({ JAVA_HOME: directory }));
    expect(missing.code).to.equal('JAVA_MISSING');
    expect(missing.message).to.contain(directory);

    await mkdir(join(directory, 'bin'));
    const java = join(directory, 'bin', 'java');
    await writeFile(java, '#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n', { mode: 0o755 });
    const old = await failure(findJava({ JAVA_HOME: directory }));
    expect(old.code).to.equal('JAVA_TOO_OLD');
    expect(old.message).to.contain('11.0.2');
  });
});
