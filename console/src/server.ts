/** The console's HTTP server: its page, its API, and all that keeps others out. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import cookie from '@fastify/cookie';
import csrfProtection from '@fastify/csrf-protection';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import sessionPlugin from '@fastify/session';
import fastifyStatic from '@fastify/static';
import type { ConsoleConfiguration } from '@integration-hub/api';
import { errorShape, type Log } from '@integration-hub/workers';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { z, ZodError } from 'zod';
import { registerAlarms } from './alarm-routes.js';
import type { Audit as AuditAnswer, Problem, Session as SessionAnswer } from './api.js';
import type { ArchiveReader } from './archive-reader.js';
import { ConsoleError } from './console-error.js';
import type { Audit } from './audit.js';
import { registerDeadLetters } from './dead-letter-routes.js';
import { languageOf } from './language.js';
import { registerLive } from './live.js';
import { loginProblemPage } from './login-problem-page.js';
import { registerMessages } from './message-routes.js';
import { registerLogin } from './oidc.js';
import { guardOrigin } from './origin-guard.js';
import { registerReplays } from './replay-routes.js';
import { Sessions } from './sessions.js';
import { localUser, mustBe, type User } from './user.js';
import type { Watch } from './watch.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; of what is under /api only. */
    user: User;
  }
}

export interface ServerParts {
  readonly configuration: ConsoleConfiguration;
  readonly log: Log;
  readonly watch: Watch;
  readonly audit: Audit;
  readonly archive: ArchiveReader;
  /** Who sits at this machine; for a console without a login. */
  readonly localName: string;
  /** Folder of the page as it was built; default: the one beside this program. */
  readonly page?: string;
}

const builtPage = fileURLToPath(new URL('../web/dist/site', import.meta.url));
/** Corrected fields are the largest that is sent here. */
const bodyLimit = 1_048_576;
/** Asked in a minute by one session, or one address without. */
const mostRequests = 600;
const auditPage = 200;

/**
 * Makes the server; it does not listen yet.
 *
 * Where the configuration has no login whoever reaches it may do everything, so it must listen on loopback only.
 */
export async function createServer(parts: ServerParts): Promise<FastifyInstance> {
  const { configuration } = parts;
  const { publicUrl } = configuration;
  const server = Fastify({
    logger: false,
    bodyLimit,
    // Behind an Ingress: its word on the client's address and on TLS is taken, and no one's before it.
    trustProxy: (_address: string, hop: number) => publicUrl !== null && hop === 0,
    forceCloseConnections: true,
  });
  const sessions = new Sessions(configuration.session);
  const isSecure = publicUrl?.startsWith('https:') ?? false;

  server.setErrorHandler((error: FastifyError, request, reply) =>
    answerError(error, request, reply, parts.log),
  );
  await server.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        fontSrc: ["'self'"],
        connectSrc: ["'self'"],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: isSecure ? { maxAge: 31_536_000 } : false,
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginEmbedderPolicy: false,
  });
  guardOrigin(server, publicUrl);
  await server.register(cookie);
  await server.register(sessionPlugin, {
    secret: randomBytes(32).toString('base64'),
    store: sessions,
    // The prefix has browsers refuse one that another host, or a page without TLS, has set.
    cookieName: isSecure ? '__Host-ihub' : 'ihub',
    cookie: { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure },
    saveUninitialized: false,
    rolling: false,
  });
  await server.register(csrfProtection, {
    sessionPlugin: '@fastify/session',
    getToken: ({ headers }) => {
      const token = headers['x-csrf-token'];
      return typeof token === 'string' ? token : '';
    },
  });
  await server.register(rateLimit, {
    max: mostRequests,
    timeWindow: '1 minute',
    keyGenerator: ({ session, ip }) => (session.user === undefined ? ip : session.sessionId),
    errorResponseBuilder: (_request, { ttl }) =>
      new ConsoleError(
        'TOO_MANY_REQUESTS',
        `Too much was asked for at once: try again in ${Math.ceil(ttl / 1000)} s.`,
      ),
  });
  server.addHook('onSend', (request, reply, _payload, done) => {
    // What is answered is for whoever asked; the page itself changes with each version.
    if (request.url.startsWith('/api/') || request.url.startsWith('/auth/')) {
      reply.header('cache-control', 'no-store');
    }
    done();
  });
  await server.register((api, _options, done) => {
    registerApi(api, parts, sessions);
    done();
  });
  const { login } = configuration;
  if (login !== null && publicUrl !== null) {
    await server.register((auth, _options, done) => {
      registerLogin(auth, { login, publicUrl, audit: parts.audit, log: parts.log });
      done();
    });
  }
  await registerPage(server, parts.page ?? builtPage);
  return server;
}

function registerApi(api: FastifyInstance, parts: ServerParts, sessions: Sessions): void {
  const { configuration, localName, watch } = parts;
  api.addHook('preHandler', (request, _reply, done) => {
    const { session } = request;
    const user = configuration.login === null ? localUser(localName) : session.user;
    if (user === undefined) {
      done(new ConsoleError('NOT_LOGGED_IN', 'Log in first: your session is over, or never began.'));
      return;
    }
    sessions.use(session.sessionId);
    request.user = user;
    done();
  });
  api.addHook('preHandler', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD') done();
    else api.csrfProtection(request, reply, done);
  });

  api.get('/api/session', (request, reply): SessionAnswer => {
    const { name, roles, mayReadContent } = request.user;
    const mode = configuration.login === null ? 'local' : 'oidc';
    const language = languageOf(request.headers['accept-language']);
    const user = { name, roles: [...roles] };
    request.session.user = request.user;
    return { user, mode, csrf: reply.generateCsrf(), language, mayReadContent };
  });
  api.get('/api/overview', () => watch.overview());
  api.get<{ Params: { name: string } }>('/api/flows/:name', ({ params }) => {
    const flow = watch.flow(params.name);
    if (flow === undefined) throw noFlow();
    return flow;
  });
  api.get<{ Params: { name: string }; Querystring: { minutes?: string } }>(
    '/api/flows/:name/history',
    ({ params, query }) => {
      const minutes = z.coerce.number().int().min(1).max(1_440).default(60).parse(query.minutes);
      const history = watch.history(params.name, minutes);
      if (history === undefined) throw noFlow();
      return history;
    },
  );
  api.get<{ Querystring: { after?: string } }>(
    '/api/audit',
    async ({ user, query }): Promise<AuditAnswer> => {
      mustBe(user, 'administrator');
      const all = await parts.audit.read();
      const from = query.after === undefined ? 0 : all.findIndex(({ at }) => at < query.after!);
      const records = from < 0 ? [] : all.slice(from, from + auditPage);
      const next = all.length > from + auditPage ? records.at(-1)?.at : undefined;
      return { records, ...(next !== undefined && { next }) };
    },
  );
  registerAlarms(api, parts);
  registerMessages(api, parts);
  registerReplays(api, parts);
  registerDeadLetters(api, parts);
  registerLive(api, { watch, sessions, needsLogin: configuration.login !== null });
}

function noFlow(): ConsoleError {
  return new ConsoleError('NOT_FOUND', 'The hub has no flow of this name: see the overview.');
}

/** Files of the page, and for each of its own addresses the page itself. */
async function registerPage(server: FastifyInstance, root: string): Promise<void> {
  await server.register(fastifyStatic, {
    root,
    wildcard: false,
    setHeaders: (response, path) => {
      const isNamedByContent = path.includes('/assets/');
      response.header('cache-control', isNamedByContent ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  server.setNotFoundHandler((request, reply) => {
    const isPage =
      request.method === 'GET' &&
      !/^\/(api|auth|assets)\//.test(request.url) &&
      (request.headers.accept ?? '').includes('text/html');
    if (isPage) return reply.sendFile('index.html');
    throw new ConsoleError('NOT_FOUND', 'There is nothing at this address.');
  });
}

async function answerError(
  error: FastifyError,
  { method, url, headers }: FastifyRequest,
  reply: FastifyReply,
  log: Log,
): Promise<void> {
  const known = knownError(error);
  if (known.code === 'INTERNAL') log.error('the console could not answer', errorShape(error));
  // To /auth/ people go by themselves, not the page.
  if (method === 'GET' && url.startsWith('/auth/') && headers.accept?.includes('text/html') === true) {
    const page = loginProblemPage(known, languageOf(headers['accept-language']));
    await reply.status(known.status).type('text/html; charset=utf-8').send(page);
    return;
  }
  const problem: Problem = { code: known.code, sentence: known.message };
  await reply.status(known.status).send(problem);
}

/** What is said of an error; nothing of what was sent is repeated, for it may be a patient's. */
function knownError(error: FastifyError | ConsoleError | ZodError): ConsoleError {
  if (error instanceof ConsoleError) return error;
  if (error instanceof ZodError) {
    const [issue] = error.issues;
    const place = issue?.path.filter((one) => typeof one === 'string').join('.') ?? '';
    return new ConsoleError('BAD_REQUEST', `What was asked is not as it must be: see "${place}".`);
  }
  if (error.code.startsWith('FST_CSRF')) {
    return new ConsoleError('BAD_CSRF', 'The page is out of date: load it again, and do it once more.');
  }
  if (error.statusCode === 413) {
    return new ConsoleError('BAD_REQUEST', 'What was sent is larger than is taken here: do it in parts.');
  }
  if ((error.statusCode ?? 500) < 500) {
    return new ConsoleError('BAD_REQUEST', 'What was sent can’t be read: send JSON as the API wants it.');
  }
  return new ConsoleError('INTERNAL', 'The console has failed at this; its log says more.');
}
