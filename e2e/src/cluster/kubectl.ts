import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { tool } from './tools.js';

/** What a kubectl command came to; a code other than 0 is a failure that `stderr` tells. */
export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs kubectl (ours, of the cluster's own version) to its end.
 *
 * @param input what it reads for `-f -`
 */
export async function kubectl(kubeconfig: string, args: string[], input = ''): Promise<KubectlResult> {
  const child = spawn(await tool('kubernetes'), ['kubectl', ...args], {
    env: {
      ...process.env,
      KUBECONFIG: kubeconfig,
      KUBECACHEDIR: join(dirname(kubeconfig), 'kubectl-cache'),
      NO_PROXY: '*',
    },
  });
  // It may end without having read everything.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}
