/**
 * Lets in only what asks for this console by its own name, and only its own page's changes. A page elsewhere whose
 * name was made to point here (DNS rebinding) asks for another host, and a page elsewhere that posts has another origin.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ConsoleError } from './console-error.js';

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
const harmless = new Set(['GET', 'HEAD']);

/** @param publicUrl null: it is used on this machine only, by any name of its loopback and the port that it has */
export function guardOrigin(server: FastifyInstance, publicUrl: string | null): void {
  const isOwn =
    publicUrl === null
      ? (url: URL) => loopbackNames.includes(url.hostname)
      : (url: URL) => url.host === new URL(publicUrl).host;
  server.addHook('onRequest', (request, _reply, done) => {
    done(refusal(request, publicUrl, isOwn));
  });
}

function refusal(
  request: FastifyRequest,
  publicUrl: string | null,
  isOwn: (url: URL) => boolean,
): ConsoleError | undefined {
  const { host, origin } = request.headers;
  const asked = parse(`http://${host ?? ''}`);
  const port = request.raw.socket.localPort;
  const isOwnPort = publicUrl !== null || Number(asked?.port || 80) === port;
  if (asked === undefined || !isOwn(asked) || !isOwnPort) {
    const where = publicUrl ?? `http://localhost:${port ?? ''}`;
    return new ConsoleError('WRONG_HOST', `This console is not served by that name: use ${where}.`);
  }
  if (harmless.has(request.method)) return undefined;
  // Every browser says where a POST comes from.
  const wanted = publicUrl === null ? asked.origin : new URL(publicUrl).origin;
  if (origin === wanted) return undefined;
  return new ConsoleError('WRONG_ORIGIN', 'Changes are taken from the console’s own page only.');
}

function parse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
