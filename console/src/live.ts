/** Server-sent events: what the overview says, every time that the console has looked, to each page that is open. */
import type { FastifyInstance } from 'fastify';
import { shownAlarms } from './alarm-routes.js';
import { ConsoleError } from './console-error.js';
import type { Sessions } from './sessions.js';
import type { Watch } from './watch.js';

/** Of all users, and of one session. */
const [mostPages, mostOfSession] = [500, 20];

/** What is written to pages: made once after each look, however many are open. */
class Frames {
  readonly #watch: Watch;
  readonly #made = new Map<string, Buffer>();

  constructor(watch: Watch) {
    this.#watch = watch;
    // It listens before any page does, so none is written what was made of a former look.
    watch.on('look', () => this.#made.clear());
  }

  get overview(): Buffer {
    return this.#frame('overview', 'overview', () => this.#watch.overview());
  }

  get alarms(): Buffer {
    return this.#frame('alarms', 'alarms', () => shownAlarms(this.#watch));
  }

  /** @returns undefined where there is no such flow */
  flow(name: string): Buffer | undefined {
    if (!this.#watch.plan.flows.some((one) => one.name === name)) return undefined;
    return this.#frame(`flow ${name}`, 'flow', () => this.#watch.flow(name));
  }

  #frame(key: string, event: string, data: () => unknown): Buffer {
    let frame = this.#made.get(key);
    if (frame === undefined) {
      frame = Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data())}\n\n`);
      this.#made.set(key, frame);
    }
    return frame;
  }
}

export function registerLive(
  api: FastifyInstance,
  { watch, sessions, needsLogin }: { watch: Watch; sessions: Sessions; needsLogin: boolean },
): void {
  const frames = new Frames(watch);
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
    let shown: Buffer | undefined;
    const send = (): void => {
      if (needsLogin && !sessions.isAlive({ sessionId })) {
        raw.end('event: end\ndata: {}\n\n');
        return;
      }
      // A page that does not read is not written to.
      if (raw.writableNeedDrain) return;
      raw.write(frames.overview);
      const { alarms } = frames;
      if (shown?.equals(alarms) !== true) raw.write(alarms);
      shown = alarms;
      const flow = query.flow === undefined ? undefined : frames.flow(query.flow);
      if (flow !== undefined) raw.write(flow);
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
