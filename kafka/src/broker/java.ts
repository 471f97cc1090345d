import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BrokerError } from './broker-error.js';

/** Kafka 4's server is compiled for Java 17. */
const OLDEST_JAVA = 17;

/** A Java runtime: the command that runs it, and its version, such as `17.0.15`. */
export interface Java {
  command: string;
  version: string;
}

/**
 * Finds a Java runtime that can run the broker: that of JAVA_HOME, else the first on the PATH.
 *
 * @throws BrokerError JAVA_MISSING, JAVA_TOO_OLD
 */
export async function findJava(environment: NodeJS.ProcessEnv = process.env): Promise<Java> {
  const home = environment.JAVA_HOME;
  const command = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  let text: string;
  try {
    text = (await promisify(execFile)(command, ['-version'], { env: environment })).stderr;
  } catch (error) {
    const place = command === 'java' ? 'on the PATH' : `at ${command} (from JAVA_HOME)`;
    throw new BrokerError(
      'JAVA_MISSING',
      `The embedded Kafka needs Java ${OLDEST_JAVA} or newer, and there is none ${place}. Install a JRE, or set JAVA_HOME.`,
      { cause: error },
    );
  }
  const version = /version "([^"]+)"/.exec(text)?.[1] ?? 'unknown';
  if (!(parseInt(version, 10) >= OLDEST_JAVA)) {
    throw new BrokerError(
      'JAVA_TOO_OLD',
      `The embedded Kafka needs Java ${OLDEST_JAVA} or newer; ${command} is version ${version}. Install a newer JRE, or set JAVA_HOME.`,
    );
  }
  return { command, version };
}
