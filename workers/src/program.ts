/** The program of the workers, and how Node is to run it. */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/**
 * Options of Node for a worker. Unless told, V8 lets what is short-lived take 48 MiB before it looks what of that is
 * still needed. Half of that does with no more memory than a fifth of it, for less grows old; and of what is old there
 * may be two and a half times as much as was needed last, before all of the heap is marked again, which holds up
 * messages for some tens of milliseconds. A worker may also have V8 give back what only its start needed.
 */
export const workerNodeOptions = ['--max-semi-space-size=8', '--heap-growing-percent=150', '--expose-gc'];

/**
 * For a worker's environment: of glibc's pools of memory, one for each thread, two are enough; and what is free at a
 * pool's end is given back from 128 KiB on, where glibc would raise that limit to twice the largest piece it has seen.
 */
export const workerEnvironment = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' };

/** The program as it is compiled, a file for each module: `node <workerModules> --config FILE`. */
export const workerModules = path('main.js');

/** What a bundle is made of, as the compiler dates it. */
const builds = ['api', 'hl7', 'kafka', 'store', 'replay', 'workers'].map((name) =>
  path(`../../${name}/dist/.tsbuildinfo`),
);

/** When a file was written; 0 where there is none. */
function writtenAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** A bundle, unless there is none or something that it is made of was compiled after it. */
export function freshBundle(bundle: string, madeOf: readonly string[]): string | undefined {
  const made = writtenAt(bundle);
  return made > 0 && madeOf.every((build) => writtenAt(build) <= made) ? bundle : undefined;
}

/**
 * The program that runs one worker: `node <workerProgram> --config FILE`. In a few files where `npm run build` has
 * bundled it: hundreds of modules cost memory for as long as the process lives.
 */
export const workerProgram = freshBundle(path('bundle/main.js'), builds) ?? workerModules;
