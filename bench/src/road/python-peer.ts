/** The former hub's Python libraries: bench/peers/python, in a virtual environment made once. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const sources = fileURLToPath(new URL('../../peers/python', import.meta.url));
const run = promisify(execFile);

/**
 * Runs `stack.py` to its end.
 *
 * @returns what it has printed
 * @throws Error where Python 3 is missing, or its libraries can't be had
 */
export async function runPython(parameters: readonly string[]): Promise<string> {
  const requirements = join(sources, 'requirements.txt');
  const sum = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'integration-hub');
  const environment = join(cache, `bench-python-${sum.slice(0, 12)}`);
  const ready = join(environment, 'lib', 'ready');
  if (!(await stat(ready).catch(() => undefined))) {
    await mkdir(cache, { recursive: true });
    await run('python3', ['-m', 'venv', environment]);
    await run(join(environment, 'bin', 'pip'), ['install', '--quiet', '--requirement', requirements]);
    await mkdir(ready);
  }
  return (await run(join(environment, 'bin', 'python'), [join(sources, 'stack.py'), ...parameters])).stdout;
}
