import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NotifierConfiguration } from '@integration-hub/api';
import { expect } from 'chai';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { AlarmChange } from './alarm.js';
import { Notifier } from './notifier.js';
import { signatureOf } from './webhook.js';

const patienceMs = 30_000;

async function until(is: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!is()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(10);
  }
}

function change(
  name: string,
  type: AlarmChange['type'] = 'firing',
  severity: 'Critical' | 'Warning' = 'Critical',
): AlarmChange {
  return {
    type,
    at: Date.parse('2026-11-21T12:01:00Z'),
    alarm: {
      id: `Destination/${name}/backlogAge`,
      kind: 'Destination',
      name,
      alert: 'backlogAge',
      severity,
      state: 'firing',
      since: Date.parse('2026-11-21T12:00:00Z'),
      firedAt: Date.parse('2026-11-21T12:01:00Z'),
      title: 'Messages wait for too long',
      sentence: `${name}: the oldest message has waited for 16 min; 15m are borne.`,
      whatToDo: 'See whether the receiving system answers.',
      section: 'backlog-age',
      silenced: undefined,
    },
  };
}

/** A mail without the line breaks of quoted-printable and of long headers. */
function readable(mail: string): string {
  return mail
    .replaceAll('=\r\n', '')
    .replaceAll('=3D', '=')
    .replaceAll(/\r\n[ \t]+(?=[^ ])/g, ' ');
}

describe('notifier', function () {
  this.timeout(2 * patienceMs);
  let directory: string;
  let notifier: Notifier | undefined;
  let closing: (() => Promise<void>)[];
  let lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-alarms-'));
    await writeFile(join(directory, 'key'), 'a secret key\n');
    await writeFile(join(directory, 'username'), 'hub\n');
    await writeFile(join(directory, 'password'), 'right\n');
    [closing, lines, notifier] = [[], [], undefined];
  });

  afterEach(async () => {
    await notifier?.stop();
    for (const close of closing) await close();
    await rm(directory, { recursive: true });
  });

  const common = {
    hub: 'hub',
    namespace: 'hospital',
    groupWaitMs: 50,
    runbooks: 'https://docs.example/alerts.md',
  };

  function start(configuration: Partial<NotifierConfiguration>): Notifier {
    notifier = new Notifier({
      configuration: { ...common, email: null, webhooks: [], ...configuration },
      waitsMs: [20, 100],
      log: (level, message, fields) => lines.push({ level, message, fields }),
    });
    return notifier;
  }

  describe('posts to a webhook', () => {
    let requests: { headers: IncomingHttpHeaders; body: string }[];

    /** Starts a server that answers each request with the next status, and the last one from then on. */
    async function receive(statuses: number[], port = 0): Promise<number> {
      const server: Server = createServer((request, response) => {
        void text(request).then((body) => {
          requests.push({ headers: request.headers, body });
          const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
          response.writeHead(status, { location: '/elsewhere' }).end();
        });
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      closing.push(
        () =>
          new Promise((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      );
      return (server.address() as AddressInfo).port;
    }
    const webhooks = (port: number, leastSeverity: 'Critical' | 'Warning' = 'Warning') => [
      {
        name: 'pager',
        url: `http://127.0.0.1:${port}/alarms`,
        keyFile: join(directory, 'key'),
        leastSeverity,
      },
    ];

    beforeEach(() => (requests = []));

    it('what happened together in one signed message', async () => {
      const hundred = Array.from({ length: 100 }, (_, index) => change(`mpi-${index}`));
      const sut = start({ webhooks: webhooks(await receive([204])), groupWaitMs: 500 });
      for (const one of hundred) sut.tell([one]);
      await until(() => requests.length > 0, 'the webhook is asked');
      const { headers, body } = requests[0]!;
      const parsed = JSON.parse(body) as { firing: object[]; resolved: object[] };
      expect(parsed.firing).to.have.lengthOf(100);
      expect(parsed).to.deep.include({ version: 1, hub: 'hub', namespace: 'hospital', resolved: [] });
      expect(parsed.firing[7]).to.deep.equal({
        id: 'Destination/mpi-7/backlogAge',
        kind: 'Destination',
        name: 'mpi-7',
        alert: 'backlogAge',
        severity: 'Critical',
        title: 'Messages wait for too long',
        sentence: 'mpi-7: the oldest message has waited for 16 min; 15m are borne.',
        whatToDo: 'See whether the receiving system answers.',
        runbook: 'https://docs.example/alerts.md#backlog-age',
        since: '2026-11-21T12:00:00.000Z',
        at: '2026-11-21T12:01:00.000Z',
      });
      const signature = String(headers['ihub-signature']);
      const at = Number(/^t=([0-9]+),/.exec(signature)![1]);
      expect(Math.abs(Date.now() / 1_000 - at)).to.be.lessThan(120);
      expect(signature).to.equal(signatureOf('a secret key', at, body));
      expect(signatureOf('another key', at, body)).not.to.equal(signature);
      await until(() => sut.recipients[0]!.waiting === 0, 'all is told');
      await sut.stop();
      expect(requests).to.have.lengthOf(1);
    });

    it('again with the same id until it is taken, and what came meanwhile after it', async () => {
      const sut = start({ webhooks: webhooks(await receive([503, 302, 500, 200])) });
      sut.tell([change('mpi')]);
      await until(() => requests.length > 0, 'the first try');
      sut.tell([change('wis')]);
      sut.tell([change('wis', 'resolved')]);
      await until(() => sut.recipients[0]!.waiting === 0, 'all is told');
      const told = requests.map(({ headers, body }) => {
        const { firing, resolved } = JSON.parse(body) as Record<'firing' | 'resolved', { name: string }[]>;
        return [headers['ihub-delivery'], firing.map(({ name }) => name), resolved.map(({ name }) => name)];
      });
      const [id] = told[0]!;
      expect(told.slice(0, 4)).to.deep.equal(Array.from({ length: 4 }, () => [id, ['mpi'], []]));
      expect(told.slice(4).map(([, ...names]) => names)).to.deep.equal([[[], ['wis']]]);
      expect(sut.recipients).to.deep.equal([{ recipient: 'webhook pager', waiting: 0, trouble: undefined }]);
    });

    it('that is away, once it is back', async () => {
      const port = await receive([204]);
      await closing.pop()!();
      const sut = start({ webhooks: webhooks(port) });
      sut.tell([change('mpi')]);
      await until(() => sut.recipients[0]!.trouble !== undefined, 'a failure is noticed');
      expect(sut.recipients[0]).to.include({ waiting: 1 });
      expect(sut.recipients[0]!.trouble).to.contain('ECONNREFUSED');
      await receive([204], port);
      await until(() => requests.length === 1, 'the webhook is told');
      await until(() => sut.recipients[0]!.trouble === undefined, 'all is well');
      expect(lines.filter(({ level }) => level === 'warn')).to.have.lengthOf(1);
    });

    it('only what is severe enough for it', async () => {
      const sut = start({ webhooks: webhooks(await receive([204]), 'Critical') });
      sut.tell([change('mpi', 'firing', 'Warning')]);
      expect(sut.recipients[0]!.waiting).to.equal(0);
      sut.tell([change('wis')]);
      await until(() => requests.length === 1, 'the webhook is told');
      expect(requests[0]!.body).to.contain('wis').and.not.to.contain('mpi');
    });

    it('nothing where the key is missing, and says what to do', async () => {
      await writeFile(join(directory, 'key'), '\n');
      const sut = start({ webhooks: webhooks(await receive([204])) });
      sut.tell([change('mpi')]);
      await until(() => sut.recipients[0]!.trouble !== undefined, 'a failure is noticed');
      expect(sut.recipients[0]!.trouble).to.contain('is empty; put the key into the Secret');
      await writeFile(join(directory, 'key'), 'rotated');
      await until(() => requests.length === 1, 'the webhook is told');
    });
  });

  describe('sends mails', () => {
    let mails: { to: string[]; body: string }[];

    async function serve(options: SMTPServerOptions = {}, port = 0): Promise<number> {
      const server = new SMTPServer({
        authOptional: true,
        disabledCommands: ['STARTTLS'],
        allowInsecureAuth: true,
        onAuth: ({ username, password }, _session, done) => {
          if (username === 'hub' && password === 'right') done(null, { user: username });
          else done(new Error('no such login'));
        },
        onData: (stream, session, done) => {
          void text(stream).then((body) => {
            mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), body: readable(body) });
            done();
          });
        },
        ...options,
      });
      server.on('error', () => undefined);
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      closing.push(() => new Promise((resolve) => server.close(() => resolve())));
      return (server.server.address() as AddressInfo).port;
    }
    const email = (port: number, more: object = {}): NonNullable<NotifierConfiguration['email']> => ({
      host: '127.0.0.1',
      port,
      security: 'None',
      caFile: null,
      userFile: null,
      passwordFile: null,
      from: 'hub@hospital.example',
      to: ['a@hospital.example', 'b@hospital.example'],
      leastSeverity: 'Warning',
      ...more,
    });

    beforeEach(() => (mails = []));

    it('one to each address, with what happened together', async () => {
      const sut = start({ email: email(await serve()), groupWaitMs: 500 });
      const hundred = Array.from({ length: 100 }, (_, index) => change(`mpi-${index}`));
      for (const one of hundred) sut.tell([one]);
      await until(() => mails.length === 2, 'two mails come');
      expect(mails.map(({ to }) => to.join()).sort()).to.deep.equal([
        'a@hospital.example',
        'b@hospital.example',
      ]);
      const { body } = mails[0]!;
      expect(body).to.match(/^Subject: \[Integration Hub hospital\/hub\] CRITICAL: 100 alarms\r$/m);
      expect(body).to.contain('NOW: Messages wait for too long (100), critical');
      expect(body).to.contain('mpi-0: the oldest message has waited for 16 min; 15m are borne.');
      expect(body).to.contain('and 90 more').and.not.to.contain('mpi-10:');
      expect(body).to.contain('https://docs.example/alerts.md#backlog-age');
      await until(() => sut.recipients.every(({ waiting }) => waiting === 0), 'all is told');
      sut.tell([change('mpi-1', 'resolved')]);
      await until(() => mails.length === 4, 'two mails more');
      expect(mails[3]!.body).to.contain('Resolved: mpi-1: messages wait for too long');
    });

    it('with the login of the Secret, also where it is corrected later', async () => {
      await writeFile(join(directory, 'password'), 'wrong');
      const login = { userFile: join(directory, 'username'), passwordFile: join(directory, 'password') };
      const port = await serve({ authOptional: false });
      const sut = start({ email: email(port, { ...login, to: ['a@hospital.example'] }) });
      sut.tell([change('mpi')]);
      await until(() => sut.recipients[0]!.trouble !== undefined, 'a failure is noticed');
      expect(sut.recipients[0]!.trouble).to.equal(`127.0.0.1:${port} did not take a mail: EAUTH 535.`);
      await writeFile(join(directory, 'password'), 'right');
      await until(() => mails.length === 1, 'the mail comes');
      expect(JSON.stringify(lines)).not.to.contain('wrong').and.not.to.contain('right');
    });

    it('to a server that is away, once it is back; one address that is refused holds up no other', async () => {
      const port = await serve();
      await closing.pop()!();
      const sut = start({ email: email(port) });
      sut.tell([change('mpi')]);
      await until(() => sut.recipients.every(({ trouble }) => trouble !== undefined), 'failures are noticed');
      let refuses = true;
      await serve(
        {
          onRcptTo: ({ address }, _session, done) => {
            if (address.startsWith('a@') && refuses) done(new Error('mailbox full'));
            else done();
          },
        },
        port,
      );
      await until(() => mails.length === 1, 'one mail comes');
      expect(mails[0]!.to).to.deep.equal(['b@hospital.example']);
      await until(() => sut.recipients[1]!.waiting === 0, 'that one is told');
      expect(sut.recipients[0]).to.include({ waiting: 1 });
      refuses = false;
      await until(() => mails.length === 2, 'the other comes');
    });

    it('in plain text only where that is asked for', async () => {
      const sut = start({
        email: email(await serve(), { security: 'StartTls', to: ['a@hospital.example'] }),
      });
      sut.tell([change('mpi')]);
      await until(() => sut.recipients[0]!.trouble !== undefined, 'a failure is noticed');
      expect(mails).to.deep.equal([]);
    });

    it('at once when it is stopped', async () => {
      const port = await serve();
      const sut = start({ email: email(port), groupWaitMs: 600_000 });
      sut.tell([change('mpi')]);
      await sut.stop();
      expect(mails).to.have.lengthOf(2);
    });
  });
});
