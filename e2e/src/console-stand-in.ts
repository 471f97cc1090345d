/**
 * A stand-in for the console's server, for what the real one can't be brought to show at will: every state of every
 * page, two zones, alarms, a server that falls silent. What it answers is checked by the server's own contract.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Alarm,
  type AlarmOverride,
  alarms,
  audit,
  type Content,
  type DeadLetter,
  deadLetterDetail,
  deadLetters,
  type DestinationSummary,
  type Field,
  flowDetail,
  type FlowSummary,
  foundMessages,
  handledLetters,
  history,
  messageDetail,
  type MessageSummary,
  overview,
  replayPreview,
  type Replay,
  replays,
  type Role,
  session,
  type WorkerSummary,
} from '@integration-hub/console/api';

const SITE = fileURLToPath(new URL('../../console/web/dist/site', import.meta.url));
/** As strict as the real one's. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

export const CORRELATION_ID = '0e45ea4b-7f1c-4b0a-9d3e-5a2b8c6d1f00';

/** full: everything has something in it. empty: a hub without flows. failing: every request is refused. */
export type StandInState = 'full' | 'empty' | 'failing';

export class ConsoleStandIn {
  state: StandInState = 'full';
  role: Role = 'administrator';
  hasArchive = true;
  isSignedIn = true;
  /** What the page has posted, by path. */
  readonly posted: { path: string; body: unknown; csrf: string | undefined }[] = [];
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  readonly #clock: NodeJS.Timeout;
  #isSilent = false;

  private constructor(server: Server) {
    this.#server = server;
    this.#clock = setInterval(() => this.#speak(), 500);
  }

  static async start(): Promise<ConsoleStandIn> {
    const server = createServer();
    const standIn = new ConsoleStandIn(server);
    server.on('request', (request, response) => {
      standIn.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#clock);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Ends the streams, and takes no new ones, until it is told to speak again. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent;
    if (isSilent) for (const stream of this.#streams) stream.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.url);
    if (url.pathname === '/api/live') this.#listen(url, response);
    else if (url.pathname.startsWith('/api/')) {
      const body = await bodyOf(request);
      if (request.method === 'POST') {
        const csrf = request.headers['x-csrf-token'];
        this.posted.push({ path: url.pathname, body, csrf: typeof csrf === 'string' ? csrf : undefined });
      }
      const [status, answer] = this.#reply(url);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } else {
      const name = extname(url.pathname) === '' ? 'index.html' : url.pathname;
      const file = await readFile(join(SITE, name)).catch(() => undefined);
      response.writeHead(file === undefined ? 404 : 200, {
        'content-type': TYPES[extname(name)] ?? 'text/plain',
        'content-security-policy': POLICY,
      });
      response.end(file);
    }
  }

  #listen(url: URL, response: ServerResponse): void {
    if (this.#isSilent || !this.isSignedIn) {
      response.writeHead(this.#isSilent ? 503 : 401).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    const flow = url.searchParams.get('flow');
    response.write(event('overview', this.#overview()));
    if (flow !== null) response.write(event('flow', detailOf(flow)));
  }

  #speak(): void {
    for (const stream of this.#streams) stream.write(event('overview', this.#overview()));
  }

  #reply(url: URL): [status: number, answer: unknown] {
    if (!this.isSignedIn) return [401, { code: 'NOT_LOGGED_IN', sentence: 'Log in first.' }];
    if (url.pathname === '/api/session') {
      const user = { name: 'Nia Rees', roles: [this.role] };
      return [
        200,
        session.parse({ user, mode: 'oidc', csrf: 'the-token', language: 'en', mayReadContent: true }),
      ];
    }
    if (this.state === 'failing') {
      return [
        503,
        {
          code: 'KAFKA_AWAY',
          sentence: 'Kafka does not answer: see whether its brokers run, and try again.',
        },
      ];
    }
    const isEmpty = this.state === 'empty';
    const answers: readonly [RegExp, (match: RegExpExecArray) => unknown][] = [
      [/^\/api\/overview$/, () => this.#overview()],
      [/^\/api\/flows\/([^/]+)\/history$/, () => historyOf(isEmpty ? 0 : 60)],
      [/^\/api\/flows\/([^/]+)$/, ([, name]) => detailOf(name!)],
      [
        /^\/api\/messages\/search$/,
        () => foundMessages.parse({ messages: isEmpty ? [] : range(12).map(messageOf) }),
      ],
      [/^\/api\/messages\//, () => oneMessage()],
      [
        /^\/api\/dead-letters\/(replay|drop)$/,
        () => handledLetters.parse({ done: ['phw-to-mpi/0/17'], refused: [] }),
      ],
      [
        /^\/api\/dead-letters\/.+/,
        () => deadLetterDetail.parse({ deadLetter: letterOf(1), content: contentOf('2026-13-04') }),
      ],
      [
        /^\/api\/dead-letters$/,
        () => {
          const letters = isEmpty ? [] : range(6).map(letterOf);
          return deadLetters.parse({ deadLetters: letters, total: letters.length });
        },
      ],
      [
        /^\/api\/alarms$/,
        () =>
          alarms.parse(
            isEmpty ? { alarms: [], overrides: [] } : { alarms: someAlarms(), overrides: someOverrides() },
          ),
      ],
      [/^\/api\/alarm-overrides\/.+\/end$/, () => alarms.parse({ alarms: someAlarms(), overrides: [] })],
      [/^\/api\/replays\/preview$/, () => replayPreview.parse(PREVIEW)],
      [/^\/api\/replays$/, () => replays.parse({ replays: isEmpty ? [] : someReplays() })],
      [/^\/api\/audit$/, () => audit.parse({ records: isEmpty ? [] : someRecords() })],
    ];
    for (const [path, answer] of answers) {
      const match = path.exec(url.pathname);
      if (match !== null) return [200, answer(match)];
    }
    return [404, { code: 'NOT_FOUND', sentence: 'There is nothing at this address.' }];
  }

  #overview(): unknown {
    const isEmpty = this.state === 'empty';
    return overview.parse({
      hub: 'national',
      at: ago(0),
      kafka: true,
      archive: this.hasArchive,
      zones: [
        { name: 'zone-a', brokers: [1, 2].map((id) => ({ id, up: true })), redundant: true },
        { name: 'zone-b', brokers: [3, 4].map((id) => ({ id, up: false })), redundant: false },
      ],
      flows: isEmpty ? [] : someFlows(),
      destinations: isEmpty ? [] : someDestinations(),
      alarms: { firing: isEmpty ? 0 : 2, silenced: isEmpty ? 0 : 1 },
    });
  }
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function ago(seconds: number): string {
  return new Date(Date.now() - seconds * 1000).toISOString();
}

function worker(zone: string, ready = true, up = true): WorkerSummary {
  return { stage: 'listener', zone, ready, up };
}

function flow(name: string, change: Partial<FlowSummary> = {}): FlowSummary {
  return {
    name,
    ready: true,
    workers: [worker('zone-a'), worker('zone-a'), worker('zone-b'), worker('zone-b')],
    receivedPerSecond: 42.3,
    deliveredPerSecond: 42.1,
    failedPerSecond: 0,
    errorRate: 0,
    backlog: 12,
    oldestWaitingSeconds: 0.34,
    deadLetters: 0,
    lastReceivedAt: ago(2),
    ...change,
  };
}

function someFlows(): FlowSummary[] {
  return [
    flow('phw-to-mpi'),
    flow('paris-to-mpi', { backlog: null, oldestWaitingSeconds: null, receivedPerSecond: 3.2 }),
    flow('chemocare-to-mpi', { deadLetters: 6, errorRate: 0.013, failedPerSecond: 0.4 }),
    flow('pims-to-mpi', {
      ready: false,
      workers: [worker('zone-a', false), worker('zone-b', false, false)],
      receivedPerSecond: 0,
      deliveredPerSecond: 0,
      backlog: 18_213,
      oldestWaitingSeconds: 1_234,
    }),
    flow('mosaiq-to-mpi', { workers: [worker('zone-a'), worker('zone-b', true, false)] }),
    flow('wds-to-mpi', {
      workers: [],
      receivedPerSecond: null,
      deliveredPerSecond: null,
      failedPerSecond: null,
      errorRate: null,
      deadLetters: null,
    }),
    flow('lims-to-mpi', { receivedPerSecond: 0.2, deliveredPerSecond: 0.2 }),
    flow('mpi-outbound', { receivedPerSecond: 210.4, deliveredPerSecond: 208.8 }),
  ];
}

function destination(name: string, change: Partial<DestinationSummary> = {}): DestinationSummary {
  return {
    name,
    reachable: true,
    workers: [worker('zone-a'), worker('zone-b')],
    sentPerSecond: 82.7,
    refusedPerSecond: 0,
    backlog: 31,
    oldestWaitingSeconds: 1.2,
    deadLetters: 0,
    ...change,
  };
}

function someDestinations(): DestinationSummary[] {
  return [
    destination('mpi', { throttlePerMinute: 6_000, deadLetters: 2, refusedPerSecond: 0.1 }),
    destination('pharmacy', {
      reachable: false,
      sentPerSecond: 0,
      backlog: 912,
      oldestWaitingSeconds: 4_000,
    }),
    destination('wis', { reachable: null, sentPerSecond: 0, backlog: 0, oldestWaitingSeconds: null }),
  ];
}

function detailOf(name: string): unknown {
  const stage = (kind: string, of: string, count: number): object => ({
    stage: of,
    kind,
    name: of,
    count,
    perSecond: 42.2,
    lag: null,
  });
  const topic = (of: string, lag: number): object => ({
    stage: '',
    kind: 'topic',
    name: `ihub.default.${of}`,
    count: null,
    perSecond: null,
    lag,
  });
  return flowDetail.parse({
    summary: flow(name),
    since: ago(86_400),
    road: [
      stage('listener', `${name}-listener`, 182_344),
      topic(`${name}.received`, 12),
      stage('transformer', `${name}-transformer`, 182_330),
      topic('mpi.outbound', 0),
      stage('destination', 'mpi', 182_329),
    ],
    ordering: { by: 'Field', path: 'PID-3.1' },
    contentPolicy: 'Full',
    conditions: [
      { type: 'Ready', ok: true, sentence: 'Every stage has a worker that can do its work.' },
      {
        type: 'ZoneRedundant',
        ok: false,
        sentence: 'zone-b has no broker that answers: new messages are in one zone only.',
      },
    ],
    recentFailures: [
      {
        at: ago(70),
        code: 'BAD_VALUE',
        sentence: 'MSH-7 of message 20260304091527001001 is not a time: expected YYYY-MM-DD HH:MM:SS.',
        correlationId: CORRELATION_ID,
        stage: `${name}-transformer`,
      },
      {
        at: ago(700),
        code: 'WRONG_SENDING_APPLICATION',
        sentence: 'MSH-3 is 999, which this flow does not accept; it takes 252.',
        correlationId: CORRELATION_ID,
        stage: `${name}-listener`,
      },
    ],
  });
}

/** A receiver that was away for five minutes, and what had waited delivered after it. */
function historyOf(minutes: number): unknown {
  return history.parse({
    points: range(minutes).map((minute) => {
      const received = Math.round(2_400 + 500 * Math.sin(minute / 9) + 60 * Math.sin(minute * 3));
      const isAway = minute > 20 && minute < 26;
      return {
        at: ago((minutes - minute) * 60),
        received,
        delivered: isAway ? 0 : minute > 25 && minute < 31 ? received + 2_300 : received,
        failed: isAway ? 30 : 0,
        p50Ms: isAway ? null : 9 + 3 * Math.abs(Math.sin(minute)),
        p99Ms: isAway ? null : minute > 25 && minute < 31 ? 900 : 40 + 20 * Math.abs(Math.sin(minute * 2)),
      };
    }),
  });
}

function messageOf(index: number): MessageSummary {
  const outcomes = [
    'delivered to mpi',
    'dead letter: BAD_VALUE',
    'delivered to mpi',
    'failed: CONNECT_FAILED',
  ];
  return {
    correlationId: CORRELATION_ID.slice(0, -2) + String(10 + index),
    receivedAt: ago(index * 61),
    flow: 'phw-to-mpi',
    controlId: `2026030409152700${1_000 + index}`,
    type: index % 4 === 0 ? 'ADT^A28' : 'ADT^A31',
    sendingApplication: '252',
    outcome: outcomes[index % 4]!,
  };
}

function field(path: string, name: string, depth: number, value?: string | null, meaning?: string): Field {
  return {
    path,
    number: Number(/-(\d+)/.exec(path)![1]),
    name,
    depth,
    ...(value !== undefined && { value }),
    ...(meaning !== undefined && { meaning }),
  };
}

function contentOf(messageTime: string): Content {
  return {
    segments: [
      {
        id: 'MSH',
        path: 'MSH',
        name: 'Message Header',
        fields: [
          field('MSH-3', 'Sending Application', 0, '252'),
          field('MSH-7', 'Date/Time Of Message', 0, messageTime),
          field('MSH-9', 'Message Type', 0),
          field('MSH-9.1', 'Message Code', 1, 'ADT', 'ADT message'),
          field('MSH-9.2', 'Trigger Event', 1, 'A31', 'Update person information'),
          field('MSH-10', 'Message Control ID', 0, '20260304091527001001'),
          field('MSH-12', 'Version ID', 0, '2.5'),
        ],
      },
      {
        id: 'PID',
        path: 'PID',
        name: 'Patient Identification',
        fields: [
          field('PID-3[1]', 'Patient Identifier List', 0),
          field('PID-3[1].1', 'ID Number', 1, '999 000 1234'),
          field('PID-3[1].4', 'Assigning Authority', 1, 'NHS'),
          field('PID-5', 'Patient Name', 0),
          field('PID-5.1', 'Family Name', 1),
          field('PID-5.1.1', 'Surname', 2, 'ESIAMPL'),
          field('PID-5.2', 'Given Name', 1, 'SIÂN'),
          field('PID-7', 'Date/Time of Birth', 0, '19850315'),
          field('PID-8', 'Administrative Sex', 0, 'F', 'Female'),
          field('PID-29', 'Patient Death Date and Time', 0, null),
        ],
      },
      { id: 'PV1', path: 'PV1', name: 'Patient Visit', fields: [field('PV1-2', 'Patient Class', 0, 'N')] },
    ],
  };
}

function oneMessage(): unknown {
  const step = (kind: string, seconds: number, change: object = {}): object => ({
    at: ago(60 - seconds),
    ms: seconds * 1000,
    kind,
    stage: '',
    destination: '',
    code: '',
    sentence: '',
    attempts: 1,
    replayed: false,
    ...change,
  });
  return messageDetail.parse({
    message: messageOf(1),
    road: [
      step('received', 0, { stage: 'phw-to-mpi-listener' }),
      step('transformed', 0.012, { stage: 'phw-to-mpi-transformer', destination: 'mpi' }),
      step('failed', 2.003, {
        stage: 'mpi-sender',
        destination: 'mpi',
        code: 'CONNECT_FAILED',
        sentence: 'The receiver at mpi.example:2576 refused the connection; it is tried again.',
        attempts: 2,
      }),
      step('delivered', 5.12, { stage: 'mpi-sender', destination: 'mpi', attempts: 3, replayed: true }),
    ],
    traceId: CORRELATION_ID.replaceAll('-', ''),
    received: contentOf('2026-03-04 09:15:27'),
    written: [
      {
        destination: 'mpi',
        content: contentOf('20260304091527'),
        differences: [
          { path: 'MSH-7', from: '2026-03-04 09:15:27', to: '20260304091527' },
          { path: 'PID-29', from: 'RESURREC', to: '""' },
          { path: 'PV1-2', to: 'N' },
          { path: 'PID-40', from: 'x' },
        ],
      },
    ],
  });
}

function letterOf(index: number): DeadLetter {
  const isRefused = index % 3 === 0;
  return {
    id: `${isRefused ? 'mpi' : 'phw-to-mpi'}/0/${16 + index}`,
    of: isRefused ? 'mpi' : 'phw-to-mpi',
    at: ago(index * 300 + 60),
    code: isRefused ? 'REFUSED_AR' : 'BAD_VALUE',
    sentence: isRefused
      ? 'The receiver refused it with AR.'
      : 'MSH-7 is not a time: expected YYYY-MM-DD HH:MM:SS.',
    stage: isRefused ? 'mpi-sender' : 'phw-to-mpi-transformer',
    controlId: `2026030409152700${1_000 + index}`,
    type: 'ADT^A31',
    flow: 'phw-to-mpi',
    correlationId: CORRELATION_ID,
    attempts: 1,
    rejected: index === 2,
    truncated: index === 4,
  };
}

function alarm(name: string, change: Partial<Alarm>): Alarm {
  return {
    id: `IntegrationFlow.${name}.backlogAge`,
    of: { kind: 'IntegrationFlow', name },
    alert: 'backlogAge',
    severity: 'Critical',
    state: 'firing',
    since: ago(900),
    sentence: `The oldest message of ${name} has waited for 20 min; at most 15 min are allowed.`,
    whatToDo: `See whether its transformer runs (kubectl get iflow ${name}), and what docs/alerts.md says.`,
    limits: { above: '15m', for: '1m' },
    ...change,
  };
}

function someAlarms(): Alarm[] {
  return [
    alarm('pims-to-mpi', {}),
    alarm('chemocare-to-mpi', {
      alert: 'deadLetters',
      severity: 'Warning',
      sentence: '6 dead letters of chemocare-to-mpi wait for a person.',
      whatToDo: 'Correct and replay them, or drop them, under Dead letters.',
      limits: { above: 0, for: '1m' },
    }),
    alarm('mosaiq-to-mpi', { state: 'pending', severity: 'Warning' }),
    alarm('lims-to-mpi', {
      override: { kind: 'silence', until: ago(-7_200), by: 'Nia Rees', why: 'the receiver is being moved' },
    }),
  ];
}

function someOverrides(): AlarmOverride[] {
  return [
    {
      id: 'IntegrationFlow.lims-to-mpi.0123456789abcdef',
      of: { kind: 'IntegrationFlow', name: 'lims-to-mpi' },
      kind: 'silence',
      alerts: ['backlogAge'],
      ...{ until: ago(-7_200), by: 'Nia Rees', why: 'the receiver is being moved' },
    },
    {
      id: 'Destination.wis.123456789abcdef0',
      of: { kind: 'Destination', name: 'wis' },
      kind: 'tune',
      alerts: ['backlogSize'],
      ...{ until: ago(-90_000), by: 'Huw Bowen', why: 'the monthly load' },
    },
  ];
}

const PREVIEW = {
  total: 1_233,
  firstAt: '2026-11-20T08:00:00.000Z',
  lastAt: '2026-11-20T17:59:58.000Z',
  flows: { 'phw-to-mpi': 1_200, 'paris-to-mpi': 33 },
  leftOut: 4,
};

function someReplays(): Replay[] {
  const replay = (number: number, change: Partial<Replay>): Replay => ({
    id: `${number}${CORRELATION_ID.slice(1)}`,
    createdAt: ago(600 * number),
    who: 'Nia Rees',
    reason: 'the index was restored from last night',
    stage: 'received',
    toDestination: '',
    perSecond: 50,
    total: 100_000,
    done: 41_233,
    leftOut: 0,
    state: 'running',
    error: '',
    finishedAt: null,
    ...change,
  });
  return [
    replay(1, { leftOut: 12 }),
    replay(2, { state: 'paused', perSecond: null }),
    replay(3, { state: 'completed', done: 100_000, stage: 'outbound', toDestination: 'wis' }),
    replay(4, {
      state: 'failed',
      error: 'The destination wis is gone: apply it again, or replay to another.',
    }),
  ];
}

function someRecords(): object[] {
  return [
    { at: ago(20), who: 'Nia Rees', action: 'content-read', about: [CORRELATION_ID] },
    {
      at: ago(40),
      who: 'Nia Rees',
      action: 'dead-letters-replayed',
      about: ['phw-to-mpi/0/17', 'phw-to-mpi/0/18'],
      why: 'time corrected with the ward',
    },
    { at: ago(80), who: 'Huw Bowen', action: 'searched-patient', about: [] },
    { at: ago(180), who: 'Huw Bowen', action: 'login', about: [] },
  ];
}
