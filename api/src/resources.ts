/** Reads resources from YAML text, and says of each wrong field what to change. */
import { parseAllDocuments } from 'yaml';
import type { z } from 'zod';
import { destination, type Destination } from './destination.js';
import { hub, type Hub } from './hub.js';
import { integrationFlow, type IntegrationFlow } from './integration-flow.js';
import { messageReplay, type MessageReplay } from './message-replay.js';
import { apiVersion } from './metadata.js';
import type { Problem } from './problem.js';

export interface Resources {
  readonly hubs: Hub[];
  readonly flows: IntegrationFlow[];
  readonly destinations: Destination[];
  readonly replays: MessageReplay[];
}

/**
 * Reads every document of a YAML text. Documents of other API groups (a Service, a Namespace) are passed over, so
 * that a folder of manifests can be read as it is.
 * @param text YAML, one or more documents
 * @param source file name or other origin, for problems that belong to no resource
 */
export function readResources(text: string, source: string): Resources & { readonly problems: Problem[] } {
  const read = { hubs: [], flows: [], destinations: [], replays: [], problems: [] } as Resources & {
    problems: Problem[];
  };
  for (const document of parseAllDocuments(text)) {
    const [error] = document.errors;
    if (error) {
      const line = error.linePos?.[0].line;
      const message = `is not YAML: ${error.message.split('\n')[0] ?? ''}`;
      read.problems.push({
        code: 'NOT_YAML',
        resource: line === undefined ? source : `${source}:${line}`,
        field: '',
        message,
      });
      continue;
    }
    const value: unknown = document.toJS();
    if (value !== null && value !== undefined) readResource(value, source, read);
  }
  return read;
}

function readResource(value: unknown, source: string, into: Resources & { problems: Problem[] }): void {
  if (typeof value !== 'object' || value === null || !('kind' in value) || !('apiVersion' in value)) {
    const message = 'is not a resource: apiVersion and kind are missing';
    into.problems.push({ code: 'NOT_A_RESOURCE', resource: source, field: '', message });
    return;
  }
  const { kind, apiVersion: version } = value;
  if (typeof version !== 'string' || version.split('/')[0] !== apiVersion.split('/')[0]) return;
  const resource = `${String(kind)}/${nameOf(value) ?? `(no name, in ${source})`}`;
  switch (kind) {
    case 'IntegrationFlow': {
      keep(integrationFlow, value, resource, into.flows, into.problems);
      return;
    }
    case 'Destination': {
      keep(destination, value, resource, into.destinations, into.problems);
      return;
    }
    case 'Hub': {
      keep(hub, value, resource, into.hubs, into.problems);
      return;
    }
    case 'MessageReplay': {
      keep(messageReplay, value, resource, into.replays, into.problems);
      return;
    }
    default: {
      const message = 'is no kind of this API: use IntegrationFlow, Destination, Hub or MessageReplay';
      into.problems.push({ code: 'UNKNOWN_KIND', resource, field: 'kind', message });
    }
  }
}

function nameOf(value: object): string | undefined {
  const name = (value as { metadata?: { name?: unknown } }).metadata?.name;
  return typeof name === 'string' ? name : undefined;
}

function keep<T>(
  schema: z.ZodType<T>,
  value: unknown,
  resource: string,
  into: T[],
  problems: Problem[],
): void {
  const result = schema.safeParse(value);
  if (result.success) into.push(result.data);
  else problems.push(...schemaProblems(result.error, resource));
}

/** Turns zod's findings into problems, one for each wrong field. */
export function schemaProblems(error: z.ZodError, resource: string): Problem[] {
  return error.issues.flatMap((issue) => {
    const field = fieldName(issue.path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        code: 'INVALID_FIELD' as const,
        resource,
        field: fieldName([...issue.path, key]),
        message: 'is not a field of this resource; check its spelling and its place',
      }));
    }
    const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
    const message = missing ? `is missing; it must be ${article(issue.expected)}` : sentence(issue);
    return [{ code: 'INVALID_FIELD' as const, resource, field, message }];
  });
}

function article(expected: string): string {
  const known: Record<string, string> = {
    int: 'a whole number',
    array: 'a list',
    record: 'a set of names and values',
  };
  return known[expected] ?? (/^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`);
}

function sentence(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      // Our own messages begin with a verb; zod's with "Invalid".
      return issue.message.startsWith('Invalid') ? `must be ${article(issue.expected)}` : issue.message;
    case 'too_small':
      return issue.message.startsWith('Too')
        ? `must ${amount(issue.origin, 'least', issue.minimum)}`
        : issue.message;
    case 'too_big':
      return issue.message.startsWith('Too')
        ? `must ${amount(issue.origin, 'most', issue.maximum)}`
        : issue.message;
    default:
      return issue.message;
  }
}

function amount(origin: string, bound: 'least' | 'most', limit: number | bigint): string {
  if (origin === 'array') return `have at ${bound} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  if (origin === 'string') return `have at ${bound} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
  return `be at ${bound} ${limit}`;
}

function fieldName(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key)}`))
    .join('');
}
