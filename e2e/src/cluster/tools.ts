import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from './cache.js';
import { ClusterError } from './cluster-error.js';

/** The programs that are built from Go modules: the folder of e2e/cluster, what is built, and its version. */
const TOOLS = {
  /** etcd, the control plane, kubelet, kube-proxy and kubectl: the first argument names the component. */
  kubernetes: {
    package: '.',
    versionVariable: 'k8s.io/component-base/version.gitVersion',
    of: 'k8s.io/kubernetes',
  },
} as const;

export type Tool = keyof typeof TOOLS;

const MODULES = fileURLToPath(new URL('../../cluster', import.meta.url));

/**
 * The path of a program, which is built the first time that it is asked for (kubernetes: some six minutes on two
 * cores) and then kept in the user's cache by version and by a sum of the module's files. Whoever waits is told on
 * standard error.
 *
 * @throws ClusterError GO_MISSING, BUILD_FAILED
 */
export async function tool(name: Tool): Promise<string> {
  const module = join(MODULES, name);
  const { package: path, versionVariable, of } = TOOLS[name];
  const sum = createHash('sha256');
  for (const file of (await readdir(module)).sort()) {
    sum.update(`${file}\n`).update(await readFile(join(module, file)));
  }
  const version = requiredVersion(await readFile(join(module, 'go.mod'), 'utf8'), of);
  const directory = await cached(`${name}-${version}-${sum.digest('hex').slice(0, 12)}`, async (made) => {
    process.stderr.write(`Building ${name} ${version} from its Go module; this takes minutes, once.\n`);
    const flags = ['-trimpath', '-ldflags', `-s -w -X ${versionVariable}=${version}`];
    await go(['build', ...flags, '-o', join(made, name), path], module);
  });
  return join(directory, name);
}

function requiredVersion(goMod: string, module: string): string {
  const line = goMod.split('\n').find((text) => text.trim().startsWith(`${module} v`));
  if (line === undefined) throw new ClusterError('BUILD_FAILED', `go.mod does not require ${module}.`);
  return line.trim().split(' ')[1]!;
}

async function go(args: string[], directory: string): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0' };
  await promisify(execFile)('go', args, { cwd: directory, env, maxBuffer: 64 << 20 }).catch(
    (error: unknown) => {
      const failure = error as NodeJS.ErrnoException & { stderr?: string };
      if (failure.code === 'ENOENT') {
        throw new ClusterError(
          'GO_MISSING',
          'The test cluster is built with Go, and there is no go on the PATH. Install Go 1.24 or later.',
        );
      }
      throw new ClusterError(
        'BUILD_FAILED',
        `go ${args[0] ?? ''} in ${directory} failed; is the Go module proxy within reach? It said: ${lastLines(failure.stderr ?? failure.message)}`,
        { cause: error },
      );
    },
  );
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join(' | ');
}
