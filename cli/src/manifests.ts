/** Reads the resources under paths: files, or every .yaml and .yml file of a folder and its folders. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  problemText,
  readResources,
  type Destination,
  type Hub,
  type IntegrationFlow,
  type MessageReplay,
} from '@integration-hub/api';
import { UsageError } from './usage-error.js';

export interface Manifests {
  readonly hub: Hub | undefined;
  readonly flows: readonly IntegrationFlow[];
  readonly destinations: readonly Destination[];
  /** Absent: none. */
  readonly replays?: readonly MessageReplay[];
}

/**
 * @param paths files and folders
 * @throws UsageError where there is nothing to read, or a resource is wrong; it says all that is wrong
 */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
  const path = paths.join(', ');
  const files = [...new Set((await Promise.all(paths.map(manifestFiles))).flat())];
  const read = await Promise.all(
    files.map(async (file) => readResources(await readFile(file, 'utf8'), file)),
  );
  const problems = read.flatMap((one) => one.problems);
  if (problems.length > 0) throw new UsageError(problems.map(problemText).join('\n'));
  const flows = read.flatMap((one) => one.flows);
  if (flows.length === 0)
    throw new UsageError(`${path} holds no IntegrationFlow: name a file or folder that does`);
  const hubs = read.flatMap((one) => one.hubs);
  if (hubs.length > 1) throw new UsageError(`${path} holds ${hubs.length} Hub resources: there can be one`);
  const destinations = read.flatMap((one) => one.destinations);
  const replays = read.flatMap((one) => one.replays);
  const namespaces = new Set(
    [...flows, ...destinations, ...replays].map((resource) => resource.metadata.namespace),
  );
  if (namespaces.size > 1) {
    const names = [...namespaces].sort().join(', ');
    throw new UsageError(
      `${path} holds resources of several namespaces (${names}): run them one namespace at a time`,
    );
  }
  return { hub: hubs[0], flows, destinations, replays };
}

async function manifestFiles(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new UsageError(`${path} does not exist: name a file or folder of flows`);
  if (!found.isDirectory()) return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
