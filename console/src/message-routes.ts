/** Finding messages in the message store, and showing one. */
import {
  cursorOf,
  type FoundMessage,
  outcomeOf,
  outcomesOf,
  type Archive,
  type MessageSearch,
  type NotableStep,
  type Outcome,
  type StepOnRoad,
} from '@integration-hub/store';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  type Content,
  type FoundMessages,
  type MessageDetail,
  messageSearch,
  type MessageStep,
  type MessageSummary,
} from './api.js';
import type { ArchiveReader } from './archive-reader.js';
import type { Audit } from './audit.js';
import { ConsoleError } from './console-error.js';
import { contentOf, differencesOf } from './content.js';
import type { User } from './user.js';
import type { Watch } from './watch.js';

/** The step without which a message has not come to an outcome; of the others every message has to be looked at. */
const stepsOfOutcomes: Partial<Record<Outcome, NotableStep>> = {
  failed: 'failed',
  'dead-letter': 'dead-letter',
  dropped: 'letter-dropped',
  filtered: 'filtered',
  duplicate: 'duplicate',
};
/** Where outcomes are looked for: messages that are looked at for one page. */
const mostLookedAt = 2_000;
const pageOfLook = 200;

export interface MessageParts {
  readonly archive: ArchiveReader;
  readonly audit: Audit;
  readonly watch: Watch;
}

export function registerMessages(api: FastifyInstance, parts: MessageParts): void {
  // A POST, for what is looked for may be a patient's, and has no place in an address.
  api.post('/api/messages/search', async (request): Promise<FoundMessages> => {
    const search = messageSearch.parse(request.body);
    if (search.patient !== undefined) {
      const about = search.flow === undefined ? [] : [search.flow];
      await parts.audit.write({ who: request.user.name, action: 'searched-patient', about });
    }
    return parts.archive.ask((archive) => find(archive, search));
  });
  api.get<{ Params: { id: string } }>('/api/messages/:id', ({ params, user }) => {
    const correlationId = z.uuid().parse(params.id);
    return show(parts, user, correlationId);
  });
}

async function find(
  archive: Archive,
  {
    flow,
    from,
    to,
    type,
    controlId,
    correlationId,
    patient,
    outcome,
    after,
    limit,
  }: z.output<typeof messageSearch>,
): Promise<FoundMessages> {
  const wanted = {
    ...{ flow, controlId, correlationId, patient, messageType: type },
    step: outcome === undefined ? undefined : stepsOfOutcomes[outcome],
    from: from === undefined ? undefined : new Date(from),
    until: to === undefined ? undefined : new Date(to),
  } satisfies Omit<MessageSearch, 'limit'>;
  const messages: MessageSummary[] = [];
  let cursor = after;
  for (let looked = 0; looked < mostLookedAt;) {
    const page = outcome === undefined ? limit : pageOfLook;
    const found = await archive.search({ ...wanted, after: cursor, limit: page });
    const steps = await stepsOf(archive, found);
    for (const message of found) {
      cursor = cursorOf(message);
      const own = steps.get(message.correlationId) ?? [];
      if (outcome !== undefined && !outcomesOf(own).has(outcome)) continue;
      messages.push(summaryOf(message, own));
      if (messages.length === limit) return { messages, next: cursor };
    }
    if (found.length < page) return { messages };
    looked += found.length;
  }
  return { messages, ...(cursor !== undefined && { next: cursor }) };
}

async function stepsOf(archive: Archive, found: readonly FoundMessage[]): Promise<Map<string, StepOnRoad[]>> {
  if (found.length === 0) return new Map();
  const roads = await archive.roads(found);
  return Map.groupBy(roads, ({ correlationId }) => correlationId);
}

function summaryOf(message: FoundMessage, steps: readonly StepOnRoad[]): MessageSummary {
  const { correlationId, receivedAt, flow, controlId, messageType, sendingApplication } = message;
  return {
    ...{ correlationId, flow, controlId, sendingApplication },
    receivedAt: receivedAt.toISOString(),
    type: messageType,
    outcome: outcomeOf(steps),
  };
}

async function show(
  { archive, audit, watch }: MessageParts,
  user: User,
  correlationId: string,
): Promise<MessageDetail> {
  const [message, steps] = await archive.ask(async (one) => {
    const [found] = await one.search({ correlationId, limit: 1 });
    return [found, found && (await one.roads([found]))] as const;
  });
  if (message === undefined || steps === undefined) {
    throw new ConsoleError('NOT_FOUND', 'The message store has no message with this correlation id.');
  }
  const { flow } = message;
  const charset = watch.plan.flows.find(({ name }) => name === flow)?.checks.charset;
  const options = charset === undefined ? {} : { charset };
  const received = steps.find(({ kind }) => kind === 'received');
  const written = new Map(
    steps.filter(({ kind }) => kind === 'transformed').map((step) => [step.destination, step]),
  );
  const isShown =
    user.mayReadContent && [received, ...written.values()].some((step) => step?.contentPolicy === 'Full');
  // Told of before it is shown.
  if (isShown) await audit.write({ who: user.name, action: 'content-read', about: [correlationId, flow] });

  const bytesOf = (step: StepOnRoad | undefined): Buffer | undefined =>
    isShown && step?.contentPolicy === 'Full' ? step.content() : undefined;
  const contentAt = (step: StepOnRoad): Content => {
    if (step.contentPolicy !== 'Full') return { withheld: step.contentPolicy };
    if (!user.mayReadContent) return { withheld: 'role' };
    const bytes = bytesOf(step);
    return bytes === undefined ? { withheld: 'None' } : contentOf(bytes, options);
  };
  const before = bytesOf(received);
  return {
    message: summaryOf(message, steps),
    road: steps.map(stepOf),
    // The listener makes both of the same bytes.
    traceId: correlationId.replaceAll('-', ''),
    ...(received && { received: contentAt(received) }),
    written: [...written].map(([destination, step]) => {
      const after = bytesOf(step);
      const differences =
        before === undefined || after === undefined ? [] : differencesOf(before, after, options);
      return { destination, content: contentAt(step), differences };
    }),
  };
}

function stepOf(step: StepOnRoad): MessageStep {
  const { at, receivedAt, kind, stage, destination, code, reason, attempts, replayed } = step;
  return {
    ...{ kind, stage, destination, code, attempts, replayed },
    at: at.toISOString(),
    ms: at.getTime() - receivedAt.getTime(),
    sentence: reason,
  };
}
