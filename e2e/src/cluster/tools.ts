import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cached } from './cache.js';
import { ClusterError } from './cluster-error.js';

interface GoProgram {
  /** The package that is built. */
  package: string;
  /** Where the version is taken from, in go.mod, and the variable that is to say it. */
  module?: string;
  versionVariable?: string;
}

/** The programs that are built from Go modules, each from the folder of e2e/cluster that has its name. */
const PROGRAMS = {
  /** etcd, the control plane, kubelet, kube-proxy and kubectl: the first argument names the component. */
  kubernetes: {
    package: '.',
    module: 'k8s.io/kubernetes',
    versionVariable: 'k8s.io/component-base/version.gitVersion',
  },
  coredns: { package: 'github.com/coredns/coredns', module: 'github.com/coredns/coredns' },
  helm: {
    package: 'helm.sh/helm/v3/cmd/helm',
    module: 'helm.sh/helm/v3',
    versionVariable: 'helm.sh/helm/v3/internal/version.version',
  },
  /** Runs a file of Lua with what Argo CD embeds. */
  glua: { package: 'github.com/yuin/gopher-lua/cmd/glua', module: 'github.com/yuin/gopher-lua' },
  /** Checks and tests rules as Prometheus reads them. */
  promtool: {
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    module: 'github.com/prometheus/prometheus',
  },
  /** Calico's agent, which enforces NetworkPolicies. */
  felix: { package: '.' },
  kind: { package: 'sigs.k8s.io/kind', module: 'sigs.k8s.io/kind' },
  /** OTLP in, OTLP out: what the tests of telemetry need of it. */
  'otel-collector': { package: '.', module: 'go.opentelemetry.io/collector/otelcol' },
  /** The first container of every pod. */
  pause: { package: '.' },
} satisfies Record<string, GoProgram>;

export type Tool = keyof typeof PROGRAMS;

const MODULES = fileURLToPath(new URL('../../cluster', import.meta.url));

/**
 * The path of a program, which is built the first time that it is asked for (kubernetes: some six minutes on two
 * cores) and then kept in the user's cache by version and by a sum of the module's files. Whoever waits is told on
 * standard error.
 *
 * @throws ClusterError GO_MISSING, BUILD_FAILED
 */
export async function tool(name: Tool): Promise<string> {
  const folder = join(MODULES, name);
  const program: GoProgram = PROGRAMS[name];
  const version = program.module === undefined ? '' : await requiredVersion(folder, program.module);
  const kept = [name, version, await sumOf(folder)].filter((part) => part !== '').join('-');
  const directory = await cached(kept, async (made) => {
    process.stderr.write(`Building ${name} ${version} from its Go module; this takes minutes, once.\n`);
    const variable = program.versionVariable === undefined ? '' : ` -X ${program.versionVariable}=${version}`;
    await go(
      [
        'build',
        '-trimpath',
        '-buildvcs=false',
        '-ldflags',
        `-s -w${variable}`,
        '-o',
        join(made, name),
        program.package,
      ],
      folder,
    );
  });
  return join(directory, name);
}

async function sumOf(folder: string): Promise<string> {
  const sum = createHash('sha256');
  for (const file of (await readdir(folder)).sort()) {
    sum.update(`${file}\n`).update(await readFile(join(folder, file)));
  }
  return sum.digest('hex').slice(0, 12);
}

/** The version of a module that a go.mod requires. */
async function requiredVersion(folder: string, module: string): Promise<string> {
  const lines = (await readFile(join(folder, 'go.mod'), 'utf8')).split('\n');
  const line = lines.find((text) => /^(require )?\s*(\S+) v/.exec(text)?.[2] === module);
  if (line === undefined)
    throw new ClusterError('BUILD_FAILED', `${folder}/go.mod does not require ${module}.`);
  return /v[0-9]\S*/.exec(line.slice(line.indexOf(' v')))![0];
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
