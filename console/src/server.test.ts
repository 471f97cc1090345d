/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-return -- answers are looked at as they come */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConsoleConfiguration,
  deadLetterHeaders,
  receivedTopic,
  deadLetterTopic,
} from '@integration-hub/api';
import { EmbeddedBroker, freePorts, GatheringProducer, TopicAdmin } from '@integration-hub/kafka';
import { expect } from 'chai';
import { type Alarms, alarms as alarmsAnswer, type DeadLetter } from './api.js';
import { type Answer, Browser, ConsoleUnderTest, namespace, secret } from './console-under-test.js';
import { IdentityProviderUnderTest } from './identity-provider-under-test.js';

const flow = 'phw-to-mpi';
/** Nothing of it may be seen where it does not belong. */
const patient = { name: 'QUZZELBY', number: '9434765919' };

function message(controlId: string, birth: string): Buffer {
  const segments = [
    `MSH|^~\\&|252|252|100|100|20260304091527||ADT^A31^ADT_A05|${controlId}|P|2.5|||||GBR`,
    'EVN||20260304091527',
    `PID|1||${patient.number}^^^NHS^NH||${patient.name}^ANN||${birth}|F`,
  ];
  return Buffer.from(segments.map((segment) => `${segment}\r`).join(''));
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const until = performance.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > until) throw new Error(`never: ${what}`);
    await sleep(100);
  }
}

describe('console', function () {
  this.timeout(240_000);
  let broker: EmbeddedBroker;
  let directory: string;
  let admin: TopicAdmin;
  let producer: GatheringProducer;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-console-'));
    broker = await EmbeddedBroker.start({
      dataDirectory: join(directory, 'kafka'),
      logFile: join(directory, 'kafka.log'),
    });
    const connection = { bootstrapServers: broker.bootstrapServers, clientId: 'test' };
    admin = await TopicAdmin.connect({ connection });
    producer = new GatheringProducer({ connection });
  });
  after(async () => {
    await producer.close();
    await admin.close();
    await broker.stop();
    await rm(directory, { recursive: true });
  });

  describe('without a login', () => {
    let console: ConsoleUnderTest;
    let browser: Browser;
    before(async () => {
      console = await ConsoleUnderTest.start({ broker });
      browser = new Browser(console.url);
      await browser.session();
    });
    after(() => console.stop());

    it('lets whoever sits at the machine do everything', async () => {
      const { json } = await browser.session();
      expect(json).to.deep.include({ mode: 'local', mayReadContent: true, language: 'en' });
      expect(json.user).to.deep.equal({ name: 'me', roles: ['viewer', 'operator', 'administrator'] });
      const welsh = await browser.get('/api/session', { 'accept-language': 'cy-GB,en;q=0.5' });
      expect(welsh.json.language).to.equal('cy');
    });

    it('tells of flows, destinations and brokers', async () => {
      const overview = await eventually('Kafka answers', async () => {
        const { json } = await browser.get('/api/overview');
        return json.kafka && json.flows[0].deadLetters !== null ? json : undefined;
      });
      expect(overview.zones).to.deep.equal([
        { name: '', brokers: [{ id: overview.zones[0].brokers[0].id, up: true }], redundant: true },
      ]);
      expect(overview.flows[0]).to.include({ name: flow, ready: false, backlog: 0, deadLetters: 0 });
      expect(overview.destinations[0]).to.include({ name: 'mpi', reachable: null, backlog: 0 });
      const detail = (await browser.get(`/api/flows/${flow}`)).json;
      expect(detail.road.map(({ kind }: { kind: string }) => kind)).to.deep.equal([
        ...['listener', 'topic', 'transformer', 'topic', 'destination'],
      ]);
      expect((await browser.get('/api/flows/other')).status).to.equal(404);
      expect((await browser.get(`/api/flows/${flow}/history?minutes=x`)).status).to.equal(400);
    });

    it('sends what it sees to open pages, and stops when they close', async () => {
      const listening = console.watch.listenerCount('look');
      const text = await new Promise<string>((resolve) => {
        const socket = connect(console.port, '127.0.0.1');
        let got = '';
        socket.on('data', (data) => {
          got += data.toString();
          if (got.split('event: overview').length > 3 && got.includes('event: flow')) {
            socket.destroy();
            resolve(got);
          }
        });
        socket.write(`GET /api/live?flow=${flow} HTTP/1.1\r\nHost: localhost:${console.port}\r\n\r\n`);
      });
      expect(text)
        .to.match(/^HTTP\/1.1 200/)
        .and.match(/content-type: text\/event-stream/i);
      expect(text.toLowerCase())
        .to.include('content-security-policy: ')
        .and.include('cache-control: no-store');
      await eventually('nobody listens', () =>
        Promise.resolve(console.watch.listenerCount('look') === listening || undefined),
      );
    });

    it('makes what open pages are sent once for all of them', async () => {
      let [made, looks, heard] = [0, 0, 0];
      const { watch } = console;
      const overview = watch.overview.bind(watch);
      watch.overview = () => {
        made += 1;
        return overview();
      };
      const countLook = (): void => void (looks += 1);
      watch.on('look', countLook);
      const sockets = Array.from({ length: 15 }, () => {
        const socket = connect(console.port, '127.0.0.1');
        socket.on('data', (data) => (heard += data.toString().split('event: overview').length - 1));
        socket.write(`GET /api/live HTTP/1.1\r\nHost: localhost:${console.port}\r\n\r\n`);
        return socket;
      });
      await eventually('all pages have heard of three looks', () => Promise.resolve(heard > 45 || undefined));
      for (const socket of sockets) socket.destroy();
      watch.off('look', countLook);
      watch.overview = overview;
      expect(made).to.be.at.most(looks + 1);
    });

    it('is served by its own name only, so that no other page’s name can be made to point to it', async () => {
      for (const host of [
        'evil.example',
        `evil.example:${console.port}`,
        'localhost',
        'localhost:1',
        '127.0.0.1.evil.example',
      ]) {
        const answer = await browser.get('/api/overview', { host });
        expect([answer.status, host]).to.deep.equal([403, host]);
        expect(answer.json?.code ?? 'WRONG_HOST').to.equal('WRONG_HOST');
        expect(answer.text).not.to.include(flow);
      }
      for (const host of ['localhost', '127.0.0.1', '[::1]']) {
        const answer = await browser.get('/api/overview', { host: `${host}:${console.port}` });
        expect(answer.status).to.equal(200);
      }
    });

    it('takes changes from its own page only', async () => {
      const body = { ids: [`${flow}/0/0`], reason: 'try it' };
      for (const origin of ['http://evil.example', 'null', undefined, 'http://localhost:1', '']) {
        const answer = await browser.post('/api/dead-letters/drop', body, { origin });
        expect([answer.status, answer.json.code]).to.deep.equal([403, 'WRONG_ORIGIN']);
      }
      const others = new Browser(console.url);
      const { json } = await others.session();
      for (const token of [undefined, '', 'x', `${json.csrf}x`, json.csrf]) {
        const answer = await browser.post('/api/dead-letters/drop', body, { 'x-csrf-token': token });
        expect([answer.status, answer.json.code]).to.deep.equal([403, 'BAD_CSRF']);
      }
      const alarm = `/api/alarms/IntegrationFlow.${flow}.notReady/silence`;
      const wish = { until: new Date(Date.now() + 60_000).toISOString(), why: 'a reason' };
      const elsewhere = await browser.post(alarm, wish, { origin: 'http://evil.example' });
      expect(elsewhere.json.code).to.equal('WRONG_ORIGIN');
      expect((await browser.post(alarm, wish, { 'x-csrf-token': json.csrf })).json.code).to.equal('BAD_CSRF');
      const simple = await browser.post('/api/dead-letters/drop', body, { 'content-type': 'text/plain' });
      expect(simple.status).to.equal(400);
      expect((await browser.post('/api/dead-letters/drop', body)).status).to.equal(200);
    });

    it('says what browsers must not do', async () => {
      for (const path of ['/', '/flows/phw-to-mpi', '/api/overview', '/api/nothing']) {
        const { headers } = await browser.get(path, { accept: 'text/html' });
        const policy = String(headers['content-security-policy']);
        expect(policy).to.include("default-src 'none'").and.include("script-src 'self'");
        expect(policy).to.include("frame-ancestors 'none'").and.not.include('unsafe');
        expect(headers).to.include({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
      }
      const { headers, text } = await browser.get('/flows/phw-to-mpi', { accept: 'text/html' });
      expect(text).to.include('<title>Console');
      expect(headers['cache-control']).to.equal('no-cache');
      expect((await browser.get('/api/overview')).headers['cache-control']).to.equal('no-store');
      expect((await browser.get('/../console.json')).status).to.equal(404);
      expect((await browser.get('/%2e%2e/console.json')).status).to.be.oneOf([403, 404]);
    });

    it('says how to turn the message store on where there is none', async () => {
      const answer = await browser.post('/api/messages/search', {});
      expect([answer.status, answer.json.code]).to.deep.equal([503, 'NO_ARCHIVE']);
      expect(answer.json.sentence).to.include('--archive');
    });

    it('repeats nothing of what it refuses', async () => {
      const wrong = { patient: 17, [patient.name]: patient.number };
      const answer = await browser.post('/api/messages/search', wrong);
      expect(answer.status).to.equal(400);
      expect(answer.text).not.to.include(patient.name).and.not.include(patient.number);
      const garbage = await browser.send('POST', '/api/messages/search', {
        headers: { 'content-type': 'application/json' },
        body: undefined,
      });
      expect(garbage.status).to.equal(400);
      const large = await browser.post('/api/dead-letters/drop', { ids: ['x'.repeat(2_000_000)] });
      expect(large.status).to.equal(400);
    });
  });

  describe('alarms', () => {
    const id = `IntegrationFlow.${flow}.notReady`;
    const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
    let overridesFile: string;
    let console: ConsoleUnderTest;
    let browser: Browser;
    const start = async (): Promise<void> => {
      console = await ConsoleUnderTest.start({ broker, overridesFile });
      browser = new Browser(console.url);
      await browser.session();
    };
    const shown = async (): Promise<Alarms> => (await browser.get('/api/alarms')).json as Alarms;

    before(async () => {
      overridesFile = join(directory, 'overrides.json');
      await start();
      await eventually('no worker is ready', async () =>
        (await shown()).alarms.some((one) => one.id === id) ? true : undefined,
      );
    });
    after(() => console.stop());

    it('are silenced until a time, which is noted first, and still are after a restart', async () => {
      const until = soon(3_600_000);
      const { status, json } = await browser.post(`/api/alarms/${id}/silence`, { until, why: 'it is moved' });
      expect(status).to.equal(200);
      const { alarms, overrides } = alarmsAnswer.parse(json);
      const who = { until, by: 'me', why: 'it is moved' };
      expect(alarms.find((one) => one.id === id)!.override).to.deep.equal({ kind: 'silence', ...who });
      const of = { kind: 'IntegrationFlow', name: flow };
      const [{ id: override, ...silence }] = overrides as [Alarms['overrides'][number]];
      expect(silence).to.deep.equal({ of, kind: 'silence', alerts: ['notReady'], ...who });
      const { records } = (await browser.get('/api/audit')).json;
      expect(records[0]).to.deep.include({
        ...{ who: 'me', action: 'alarm-silenced', why: 'it is moved' },
        about: [id, `until ${until}`],
      });

      await console.stop();
      await start();
      expect((await shown()).overrides).to.deep.equal(overrides);
      const end = `/api/alarm-overrides/${override}/end`;
      expect((await browser.post(end, {})).status).to.equal(400);
      expect((await browser.post(end, { why: 'it was moved' })).json.overrides).to.deep.equal([]);
      expect((await browser.post(end, { why: 'it was moved' })).status).to.equal(404);
      const [ended] = (await browser.get('/api/audit')).json.records;
      expect(ended).to.deep.include({ action: 'alarm-override-ended', why: 'it was moved' });
      expect(ended.about).to.deep.equal([`IntegrationFlow/${flow}`, 'notReady', 'silence by me']);
    });

    it('are tuned, each by itself, and all of that ends by itself', async () => {
      const wish = { until: soon(3_600_000), why: 'a busy day' };
      const tune = (limits: object, until = wish.until): Promise<Answer> =>
        browser.post(`/api/alarms/${id}/tune`, { ...wish, until, limits });
      const wrong = await tune({ for: 'soon' });
      expect([wrong.status, wrong.json.code]).to.deep.equal([400, 'BAD_REQUEST']);
      expect(wrong.json.sentence).to.include('"for" of notReady');
      for (const limits of [{}, { above: 3 }]) expect((await tune(limits)).status).to.equal(400);
      const { json } = await tune({ for: '2h' });
      expect(json.alarms.find((one: { id: string }) => one.id === id)).to.deep.include({
        limits: { for: '2h' },
        state: 'pending',
      });
      const other = `Destination.mpi.backlogSize`;
      const limits = { above: 5, for: '0s' };
      await browser.post(`/api/alarms/${other}/tune`, { ...wish, limits });
      const both = (await tune({ for: '3h' }, soon(4_000))).json as Alarms;
      expect(both.overrides.map(({ of: { name }, alerts }) => [name, alerts])).to.deep.equal([
        [flow, ['notReady']],
        ['mpi', ['backlogSize']],
      ]);
      await eventually('it has ended', async () => {
        const { alarms, overrides } = await shown();
        const { limits: present } = alarms.find((one) => one.id === id)!;
        return (overrides.length === 1 && present['for'] === '3m') || undefined;
      });
    });

    it('are not silenced for ever, without a reason, or where nothing is watched', async () => {
      const wish = { until: soon(60_000), why: 'a reason' };
      for (const change of [
        ...[{ until: undefined }, { until: soon(-1_000) }, { until: soon(31 * 86_400_000) }],
        ...[{ until: 'tomorrow' }, { why: undefined }, { why: ' ' }, { silence: true }],
      ]) {
        const answer = await browser.post(`/api/alarms/${id}/silence`, { ...wish, ...change });
        expect([answer.status, answer.json.code], JSON.stringify(change)).to.deep.equal([400, 'BAD_REQUEST']);
      }
      for (const other of [
        `IntegrationFlow.other.notReady`,
        `IntegrationFlow.${flow}.nothing`,
        `Hub.hub.errorRate`,
      ]) {
        expect((await browser.post(`/api/alarms/${other}/silence`, wish)).status, other).to.equal(404);
      }
      expect((await browser.post(`/api/alarms/..%2Fhub/silence`, wish)).status).to.equal(400);
    });
  });

  describe('dead letters', () => {
    let console: ConsoleUnderTest;
    let browser: Browser;
    before(async () => {
      console = await ConsoleUnderTest.start({ broker });
      browser = new Browser(console.url);
      await browser.session();
    });
    after(() => console.stop());

    async function letter(
      controlId: string,
      change: { origin?: string; truncated?: boolean } = {},
    ): Promise<void> {
      const description = {
        ...{ correlationId: crypto.randomUUID(), namespace, flow, controlId },
        ...{ receivedTime: new Date().toISOString(), contentType: 'x-application/hl7-v2+er7; charset=utf-8' },
        ...{ traceparent: '', healthBoard: '', peer: '' },
      };
      const headers = deadLetterHeaders(description, {
        ...{ code: 'BAD_DATE_TIME', reason: 'PID-7 is no date', stage: `${flow}-transformer`, attempts: 1 },
        ...{
          failedTime: new Date().toISOString(),
          origin: `${receivedTopic(namespace, flow)}/0/1`,
          truncated: false,
        },
        ...change,
      });
      const record = { key: Buffer.from('former'), value: message(controlId, 'yesterday'), headers };
      await producer.produce({ topic: deadLetterTopic(namespace, flow), ...record });
    }

    async function listed(controlId: string): Promise<DeadLetter> {
      return eventually(`the letter ${controlId} is listed`, async () => {
        const { json } = await browser.get(`/api/dead-letters?of=${flow}`);
        return (json.deadLetters as DeadLetter[] | undefined)?.find((one) => one.controlId === controlId);
      });
    }

    it('are listed without their content, page by page', async () => {
      for (const id of ['L1', 'L2', 'L3']) await letter(id);
      const { id, ...shown } = await listed('L3');
      expect(id).to.match(/^phw-to-mpi\/0\/\d+$/);
      expect(shown).to.include({ of: flow, code: 'BAD_DATE_TIME', type: 'ADT^A31', rejected: false });
      const first = (await browser.get('/api/dead-letters?limit=2')).json;
      expect(first).to.deep.include({ total: 3 });
      const second = (await browser.get(`/api/dead-letters?limit=2&after=${first.next}`)).json;
      expect(second.next).to.equal(undefined);
      const ids = [...first.deadLetters, ...second.deadLetters].map((one: DeadLetter) => one.controlId);
      expect(ids).to.deep.equal(['L3', 'L2', 'L1']);
      expect((await browser.get('/api/dead-letters?code=OTHER')).json.total).to.equal(0);
      expect(JSON.stringify(first)).not.to.include(patient.name);
    });

    it('are shown with their fields by name, and the audit says who has seen them', async () => {
      const { id } = await listed('L1');
      const { json } = await browser.get(`/api/dead-letters/${id}`);
      const pid = json.content.segments.find((one: { id: string }) => one.id === 'PID');
      const birth = pid.fields.find((one: { path: string }) => one.path === 'PID-7');
      expect(birth).to.include({ number: 7, value: 'yesterday' });
      const audit = (await browser.get('/api/audit')).json;
      expect(audit.records[0]).to.deep.include({ who: 'me', action: 'content-read', about: [id, flow] });
      expect((await browser.get(`/api/dead-letters/${flow}/0/999`)).status).to.equal(404);
    });

    it('are corrected and replayed: the corrected bytes, with the key of their order, once', async () => {
      const { id } = await listed('L1');
      const changes = [
        { path: 'PID-7', value: '19850315' },
        { path: 'PID-3.1', value: '17|4' },
      ];
      const body = { ids: [id], reason: 'INC-1, birth as on paper', corrected: { [id]: { changes } } };
      const [one, two] = await Promise.all([
        browser.post('/api/dead-letters/replay', body),
        browser.post('/api/dead-letters/replay', body),
      ]);
      const done = [...one.json.done, ...two.json.done];
      expect(done, JSON.stringify([one.json, two.json])).to.deep.equal([id]);
      const records = await admin.readAll(receivedTopic(namespace, flow));
      const again = records.filter(({ headers }) => headers['ce_replayof']?.toString() === id);
      expect(again.length).to.equal(1);
      const expected = message('L1', '19850315').toString().replace(`${patient.number}^`, '17\\F\\4^');
      expect(again[0]!.value.toString()).to.equal(expected);
      expect(again[0]!.key!.toString()).to.equal('17\\F\\4');
      const { json } = await browser.get(`/api/dead-letters/${id}`);
      expect(json.handled).to.include({ action: 'replayed', who: 'me', why: body.reason });
      await eventually('it is not listed any more', async () => {
        const { json: list } = await browser.get('/api/dead-letters');
        return list.deadLetters.every((letter: DeadLetter) => letter.id !== id) || undefined;
      });
    });

    it('are refused where the flow would refuse them, where the hospital may send again, where bytes are missing', async () => {
      await letter('R1', { origin: '' });
      await letter('R2', { truncated: true });
      const [rejected, truncated] = [await listed('R1'), await listed('R2')];
      const reason = 'try it all the same';
      const plain = (
        await browser.post('/api/dead-letters/replay', { ids: [rejected.id, truncated.id], reason })
      ).json;
      expect(plain.done).to.deep.equal([]);
      expect(plain.refused.map(({ sentence }: { sentence: string }) => sentence).join())
        .to.include('may have sent it again')
        .and.include('only the beginning');
      const changes = [{ path: 'MSH-12', value: '2.3' }];
      const corrected = { [rejected.id]: { changes } };
      const wrong = (
        await browser.post('/api/dead-letters/replay', {
          ids: [rejected.id],
          reason,
          rejected: true,
          corrected,
        })
      ).json;
      expect(wrong.refused[0].sentence).to.include('MSH-12 is not a version');
      const bad = { [rejected.id]: { changes: [{ path: 'PID', value: patient.name }] } };
      const noField = (
        await browser.post('/api/dead-letters/replay', {
          ids: [rejected.id],
          reason,
          rejected: true,
          corrected: bad,
        })
      ).json;
      expect(noField.refused[0].sentence).to.include('PID').and.not.include(patient.name);
      const right = (
        await browser.post('/api/dead-letters/replay', { ids: [rejected.id], reason, rejected: true })
      ).json;
      expect(right.done).to.deep.equal([rejected.id]);
    });

    it('are dropped many at once, with a reason', async () => {
      const ids = [(await listed('L2')).id, (await listed('L3')).id, (await listed('R2')).id];
      for (const reason of [undefined, '', '  ']) {
        expect((await browser.post('/api/dead-letters/drop', { ids, reason })).status).to.equal(400);
      }
      const { json } = await browser.post('/api/dead-letters/drop', { ids, reason: 'test messages' });
      expect(json).to.deep.equal({ done: ids, refused: [] });
      const again = (await browser.post('/api/dead-letters/drop', { ids, reason: 'test messages' })).json;
      expect([again.done, again.refused.length]).to.deep.equal([[], 3]);
      const { records } = (await browser.get('/api/audit')).json;
      expect(records[0]).to.deep.include({
        action: 'dead-letters-dropped',
        about: ids,
        why: 'test messages',
      });
    });

    it('leave nothing of a patient in logs, in the audit or in marks', async () => {
      const logs = console.logged.join('');
      expect(logs).to.include('dead-letters-replayed');
      const audit = (await admin.readAll(`ihub.${namespace}.audit`)).map(({ value }) => value.toString());
      const marks = (await admin.readAll(deadLetterTopic(namespace, flow)))
        .filter(({ value }) => value.length === 0)
        .map(({ headers }) => Object.values(headers).join());
      expect(marks.join()).to.include('PID-7 PID-3.1');
      for (const text of [logs, audit.join(), marks.join()]) {
        for (const marked of [patient.name, patient.number, 'yesterday', '19850315'])
          expect(text).not.to.include(marked);
      }
    });
  });

  describe('with a login', () => {
    let provider: IdentityProviderUnderTest;
    let console: ConsoleUnderTest;
    /** One whose sessions end soon. */
    let brief: ConsoleUnderTest;
    const idleMs = 4_000;

    before(async () => {
      const clientSecret = secret();
      const clientSecretFile = join(directory, 'client-secret');
      await writeFile(clientSecretFile, `${clientSecret}\n`);
      const login = (issuer: string): ConsoleConfiguration['login'] => ({
        ...{ issuer, clientId: 'console', clientSecretFile, caFile: null, scopes: ['openid', 'profile'] },
        rolesClaim: 'roles',
        roles: {
          viewer: ['hub-look'],
          operator: ['hub-run'],
          administrator: ['hub-all'],
          mayReadContent: ['clinical'],
        },
      });
      const ports = await freePorts(2);
      const callbacks = ports.map((port) => `http://localhost:${port}/auth/callback`);
      provider = await IdentityProviderUnderTest.start('console', clientSecret, callbacks);
      const sessions = [
        { idleMs: 600_000, absoluteMs: 3_600_000 },
        { idleMs, absoluteMs: 9_000 },
      ];
      const started = sessions.map((session, index) => {
        const port = ports[index]!;
        const own = { publicUrl: `http://localhost:${port}`, login: login(provider.issuer), session };
        return ConsoleUnderTest.start({ broker, port, change: (one) => ({ ...one, ...own }) });
      });
      [console, brief] = (await Promise.all(started)) as [ConsoleUnderTest, ConsoleUnderTest];
    });
    after(async () => {
      await Promise.all([console.stop(), brief.stop()]);
      await provider.stop();
    });

    async function loggedIn(name: string, roles: readonly string[], at = console): Promise<Browser> {
      provider.account = { name, roles };
      const browser = new Browser(at.url);
      const { status, url } = await browser.follow('/auth/login?page=/flows');
      expect([status, url], url).to.deep.equal([404, `${at.url}/flows`]); // The test’s request asks for no page.
      await browser.session();
      return browser;
    }

    it('answers nothing of the hub to those who are not logged in', async () => {
      const browser = new Browser(console.url);
      for (const path of [
        '/api/session',
        '/api/overview',
        '/api/live',
        '/api/dead-letters',
        '/api/audit',
        `/api/flows/${flow}`,
      ]) {
        const answer = await browser.get(path);
        expect([answer.status, answer.json.code], path).to.deep.equal([401, 'NOT_LOGGED_IN']);
      }
      for (const path of [
        '/api/messages/search',
        '/api/dead-letters/drop',
        '/api/dead-letters/replay',
        `/api/alarms/IntegrationFlow.${flow}.notReady/silence`,
        `/api/alarms/IntegrationFlow.${flow}.notReady/tune`,
        `/api/alarm-overrides/IntegrationFlow.${flow}.0/end`,
      ]) {
        expect((await browser.post(path)).status, path).to.equal(401);
      }
      browser.cookies().set('ihub', 'made.up');
      expect((await browser.get('/api/session')).status).to.equal(401);
    });

    it('gives each role what is its own', async () => {
      const [viewer, operator, administrator, clinician] = [
        await loggedIn('vi', ['hub-look']),
        await loggedIn('op', ['other', 'hub-run']),
        await loggedIn('ad', ['hub-all']),
        await loggedIn('cl', ['hub-run', 'clinical']),
      ];
      const body = { ids: [`${flow}/0/0`], reason: 'a reason' };
      const drop = async (browser: Browser): Promise<number> =>
        (await browser.post('/api/dead-letters/drop', body)).status;
      expect([await drop(viewer), await drop(operator), await drop(administrator)]).to.deep.equal([
        403, 200, 200,
      ]);
      const alarm = `/api/alarms/IntegrationFlow.${flow}.notReady`;
      const wish = { until: new Date(Date.now() + 60_000).toISOString(), why: 'a reason' };
      const silence = await operator.post(`${alarm}/silence`, wish);
      expect(silence.json.overrides[0]).to.include({ by: 'op', why: 'a reason' });
      const end = `/api/alarm-overrides/${silence.json.overrides[0].id}/end`;
      for (const path of [`${alarm}/silence`, `${alarm}/tune`, end]) {
        expect((await viewer.post(path, wish)).json.code, path).to.equal('NOT_ALLOWED');
      }
      expect((await viewer.get('/api/alarms')).json.overrides).to.deep.equal(silence.json.overrides);
      expect((await administrator.post(end, { why: 'it is done' })).json.overrides).to.deep.equal([]);
      const audit = async (browser: Browser): Promise<number> => (await browser.get('/api/audit')).status;
      expect([await audit(viewer), await audit(operator), await audit(administrator)]).to.deep.equal([
        403, 403, 200,
      ]);
      const letter = `/api/dead-letters/${flow}/0/0`;
      for (const browser of [viewer, operator, administrator]) {
        expect((await browser.get(letter)).json.content).to.deep.equal({ withheld: 'role' });
      }
      expect((await clinician.get(letter)).json.content.segments.length).to.equal(3);
      const corrected = { [`${flow}/0/0`]: { changes: [{ path: 'PID-7', value: '20000101' }] } };
      expect((await operator.post('/api/dead-letters/replay', { ...body, corrected })).status).to.equal(403);
      expect((await viewer.session()).json.user).to.deep.equal({ name: 'vi', roles: ['viewer'] });
    });

    it('lets nobody in without a role', async () => {
      provider.account = { name: 'stranger', roles: ['hub-looks', 'HUB-ALL'] };
      const browser = new Browser(console.url);
      const answer = await browser.follow('/auth/login');
      expect([answer.status, answer.json.code]).to.deep.equal([403, 'NOT_ALLOWED']);
      expect((await browser.session()).status).to.equal(401);
    });

    it('says to people in their language why a login has failed, on a page', async () => {
      const cases: [language: string, wanted: string][] = [
        ['cy-GB,cy;q=0.9', 'Ni lwyddodd y mewngofnodi: dechreuwch eto.'],
        ['en-GB', 'No login was begun in this browser'],
      ];
      for (const [language, wanted] of cases) {
        const headers = { accept: 'text/html,*/*;q=0.8', 'accept-language': language };
        const path = '/auth/callback?state=%3Cscript%3E&code=9434765919';
        const answer = await new Browser(console.url).get(path, headers);
        expect(answer.status).to.equal(403);
        expect(answer.headers['content-type']).to.equal('text/html; charset=utf-8');
        expect(String(answer.headers['content-security-policy'])).to.include("default-src 'none'");
        expect(answer.text)
          .to.include(wanted)
          .and.include(`<html lang="${language.slice(0, 2)}">`);
        expect(answer.text)
          .to.include('href="/auth/login"')
          .and.not.match(/script|9434765919/);
      }
    });

    it('takes an answer of the provider once, in the browser that asked, with its state', async () => {
      provider.account = { name: 'vi', roles: ['hub-look'] };
      const browser = new Browser(console.url);
      const isCallback = (url: string): boolean => url.includes('/auth/callback');
      const { url } = await browser.follow('/auth/login', isCallback);
      // Whoever has the address, but not the browser.
      const thief = new Browser(console.url);
      expect((await thief.get(url)).json.code).to.equal('LOGIN_FAILED');
      await thief.get('/auth/login');
      expect((await thief.get(url)).json.code).to.equal('LOGIN_FAILED');
      // Another state, another code.
      const forged = new URL(url);
      forged.searchParams.set('state', 'forged');
      expect((await browser.get(forged.href)).json.code).to.equal('LOGIN_FAILED');
      expect((await browser.get(url)).json.code, 'a failed answer ends the login').to.equal('LOGIN_FAILED');
      const second = await browser.follow('/auth/login', isCallback);
      const before = browser.cookies().get('ihub');
      expect((await browser.get(second.url)).status).to.equal(302);
      expect(browser.cookies().get('ihub'), 'another session').not.to.equal(before);
      const replayed = new Browser(console.url);
      replayed.cookies().set('ihub', before!);
      expect((await replayed.get('/api/session')).status, 'the session from before').to.equal(401);
      expect((await replayed.get(second.url)).json.code).to.equal('LOGIN_FAILED');
    });

    it('sends nobody elsewhere after a login', async () => {
      provider.account = { name: 'vi', roles: ['hub-look'] };
      for (const page of [
        'https://evil.example',
        '//evil.example',
        '/\\evil.example',
        '/auth/login',
        'javascript:x',
      ]) {
        const browser = new Browser(console.url);
        const { url } = await browser.follow(`/auth/login?page=${encodeURIComponent(page)}`);
        expect(url).to.equal(`${console.url}/`);
      }
    });

    it('ends a session by logout, for every request that has its cookie', async () => {
      const browser = await loggedIn('vi', ['hub-look']);
      const stolen = new Browser(console.url);
      stolen.cookies().set('ihub', browser.cookies().get('ihub')!);
      expect((await stolen.get('/api/session')).status).to.equal(200);
      expect((await browser.post('/auth/logout', {}, { 'x-csrf-token': 'x' })).status).to.equal(403);
      expect((await browser.post('/auth/logout')).status).to.equal(204);
      expect((await stolen.get('/api/session')).status).to.equal(401);
    });

    it('ends a session that nobody uses, and the pages that it has open', async () => {
      const browser = await loggedIn('vi', ['hub-look'], brief);
      const begun = performance.now();
      const live = await browser.get('/api/live');
      expect(live.text).to.include('event: overview').and.include('event: end');
      expect(performance.now() - begun).to.be.greaterThan(idleMs - 1_500);
      expect((await browser.get('/api/session')).status).to.equal(401);
    });

    it('ends a session after its time however much it is used', async () => {
      const browser = await loggedIn('vi', ['hub-look'], brief);
      const begun = performance.now();
      while ((await browser.get('/api/overview')).status === 200) {
        expect(performance.now() - begun, 'it goes on for ever').to.be.lessThan(120_000);
        await sleep(500);
      }
      expect(performance.now() - begun).to.be.greaterThan(idleMs);
    });

    it('slows those down who ask too much', async () => {
      const browser = new Browser(console.url);
      let last = await browser.get('/auth/login');
      for (let asked = 1; asked < 60 && last.status !== 429; asked++) last = await browser.get('/auth/login');
      expect([last.status, last.json.code]).to.deep.equal([429, 'TOO_MANY_REQUESTS']);
    });
  });

  it('marks its cookie for TLS and its own host where it is served with TLS', async () => {
    const console = await ConsoleUnderTest.start({
      broker,
      change: (configuration) => ({ ...configuration, publicUrl: 'https://hub.example' }),
    });
    try {
      const browser = new Browser(console.url);
      const headers = { host: 'hub.example', 'x-forwarded-proto': 'https' };
      const answer = await browser.get('/api/session', headers);
      expect(String(answer.headers['set-cookie'])).to.match(
        /^__Host-ihub=.*; Path=\/; HttpOnly; Secure; SameSite=Lax/,
      );
      expect(String(answer.headers['strict-transport-security'])).to.include('max-age');
      expect((await browser.get('/api/session', { host: 'hub.example' })).headers['set-cookie']).to.equal(
        undefined,
      );
      expect((await browser.get('/api/session')).status).to.equal(403);
    } finally {
      await console.stop();
    }
  });
});
