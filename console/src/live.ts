/** Server-sent events: what the overview says, every time that the console has looked, to each page that is open. */
import type { FastifyInstance } from 'fastify';
import { ConsoleError } from './console-error.js';
import type { Sessions } from './sessions.js';
import type { Watch } from './watch.js';

/** Of all users, and of one session. */
const [mostPages, mostOfSession] = [500, 20];

export function registerLive(
  api: FastifyInstance,
  { watch, sessions, needsLogin }: { watch: Watch; sessions: Sessions; needsLogin: boolean },
): void {
  const pages = new Map<string, number>();
  let all = 0;
  api.get<{ Querystring: { flow?: string } }>('/api/live', (request, reply) => {
    const { session, query } = request;
    const { sessionId } = session;
    const own = pages.get(sessionId) ?? 0;
    if (all >= mostPages || own >= mostOfSession) {
      throw new ConsoleError('TOO_MANY_REQUESTS', 'Too many pages of the console are open: close some.');
    }
    all += 1;
    pages.set(sessionId, own + 1);

    // What hooks have set so far, the headers that keep others out among them, goes with it.
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) reply.raw.setHeader(name, value);
    }
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    let shown = '';
    const send = (): void => {
      if (needsLogin && !sessions.isAlive({ sessionId })) {
        raw.end('event: end\ndata: {}\n\n');
        return;
      }
      // A page that does not read is not written to.
      if (raw.writableNeedDrain) return;
      raw.write(`event: overview\ndata: ${JSON.stringify(watch.overview())}\n\n`);
      const alarms = JSON.stringify({ alarms: watch.alarms.alarms });
      if (alarms !== shown) raw.write(`event: alarms\ndata: ${alarms}\n\n`);
      shown = alarms;
      const flow = query.flow === undefined ? undefined : watch.flow(query.flow);
      if (flow !== undefined) raw.write(`event: flow\ndata: ${JSON.stringify(flow)}\n\n`);
    };
    watch.on('look', send);
    raw.on('error', () => raw.destroy());
    raw.once('close', () => {
      watch.off('look', send);
      all -= 1;
      const left = (pages.get(sessionId) ?? 1) - 1;
      if (left === 0) pages.delete(sessionId);
      else pages.set(sessionId, left);
    });
    send();
  });
}
