/** The road of a message with TLS at both ends, on a real Kafka, while all certificates are replaced. */
import { expect } from 'chai';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { problemText, readResources } from '@integration-hub/api';
import { LocalHub, plainKafka, MockReceiver } from '@integration-hub/cli';
import {
  Message,
  MllpConnection,
  MllpError,
  readAcknowledgement,
  type ClientTls,
} from '@integration-hub/hl7';
import { EmbeddedBroker, freePorts } from '@integration-hub/kafka';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { samples } from './flows.js';
import { numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const manifests = (listenerPort: number, receiverPort: number): string => `
apiVersion: integrationhub.dev/v1alpha1
kind: IntegrationFlow
metadata: {name: paris}
spec:
  listener: {mllp: {port: ${listenerPort}, tls: {secretName: hub-tls, allowedNames: [pas.hospital.example]}}}
  destinations: [{name: mpi}]
---
apiVersion: integrationhub.dev/v1alpha1
kind: Destination
metadata: {name: mpi}
spec:
  mllp:
    host: 127.0.0.1
    port: ${receiverPort}
    tls: {secretName: hub-client, caSecretName: mpi-ca, serverName: mpi.example, minVersion: TLSv1.3}
  retry: {initial: 100ms, max: 1s}
`;

/** All the certificates of one round. */
class Round {
  readonly authority = new TestAuthority();
  readonly pas = this.authority.issue('pas', { names: 'DNS:pas.hospital.example' });
  readonly mpi = this.authority.issue('mpi', { names: 'DNS:mpi.example' });
  readonly hub = this.authority.issue('hub');

  get client(): ClientTls {
    return { ...this.pas, ca: this.authority.ca };
  }
  get server(): { cert: string; key: string; ca: string } {
    return { ...this.mpi, ca: this.authority.ca };
  }
  /** Each Secret as the kubelet mounts it: files are links into a folder that a link names, which is replaced. */
  write(folder: string, round: number): void {
    const pair = { 'tls.crt': this.hub.cert, 'tls.key': this.hub.key };
    const ca = { 'ca.crt': this.authority.ca };
    for (const [secret, keys] of Object.entries({
      'hub-tls': { ...pair, ...ca },
      'hub-client': pair,
      'mpi-ca': ca,
    })) {
      const mount = join(folder, secret);
      mkdirSync(join(mount, `..${round}`), { recursive: true });
      for (const [key, text] of Object.entries(keys)) {
        writeFileSync(join(mount, `..${round}`, key), text);
        if (round === 0) symlinkSync(join('..data', key), join(mount, key));
      }
      symlinkSync(`..${round}`, join(mount, '..new'));
      renameSync(join(mount, '..new'), join(mount, '..data'));
    }
  }
}

describe('TLS from the hospital to the receiver', function () {
  this.timeout(900_000);
  const folder = mkdtempSync(join(tmpdir(), 'ihub-tls-e2e-'));
  const journal = new Journal();
  const rounds = [new Round(), new Round()] as const;
  let broker: EmbeddedBroker;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let [listenerPort, receiverPort] = [0, 0];

  before(async () => {
    [listenerPort, receiverPort] = (await freePorts(2)) as [number, number];
    rounds[0].write(folder, 0);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: receiverPort, reply: 'AA', delayMs: 0, tls: rounds[0].server },
      {
        message: ({ bytes }) => {
          journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes));
        },
      },
    );
    await receiver.start();
    broker = await EmbeddedBroker.start({
      dataDirectory: join(folder, 'kafka'),
      logFile: join(folder, 'kafka.log'),
    });
    const read = readResources(manifests(listenerPort, receiverPort), 'test');
    expect(read.problems.map(problemText)).to.deep.equal([]);
    hub = await LocalHub.start(
      { hub: undefined, ...read },
      {
        directory: join(folder, 'hub'),
        kafka: plainKafka(broker.bootstrapServers),
        addresses: new Map(),
        secrets: folder,
        onProgress: () => undefined,
      },
    );
    await until('all run', () => hub.workers.every(({ state }) => state === 'running'), 60_000);
  });
  after(async () => {
    await hub.stop();
    await receiver.stop();
    await broker.stop();
    rmSync(folder, { recursive: true });
  });

  const open = (tls: ClientTls | undefined): Promise<MllpConnection> =>
    MllpConnection.open({ host: '127.0.0.1', port: listenerPort, connectTimeoutMs: 10_000, tls });
  async function acknowledged(connection: MllpConnection, controlId: string): Promise<void> {
    const bytes = numbered(samples.paris, controlId);
    journal.expect(controlId, bytes);
    journal.sending(controlId);
    const reply = readAcknowledgement(await connection.exchange(bytes, 60_000));
    expect(reply).to.deep.equal({ code: 'AA', controlId });
    journal.acknowledged(controlId);
  }
  async function failure(tls: ClientTls | undefined): Promise<string> {
    try {
      const connection = await open(tls);
      await connection.exchange(samples.paris, 10_000);
    } catch (error) {
      if (error instanceof MllpError) return error.code;
      throw error;
    }
    throw new Error('it was answered');
  }

  it('takes messages of an allowed client only, and delivers them', async () => {
    const connection = await open(rounds[0].client);
    for (let number = 1; number <= 20; number += 1) await acknowledged(connection, `first-${number}`);
    await connection.close();
    const otherName = { ...rounds[0].authority.issue('lab'), ca: rounds[0].authority.ca };
    for (const tls of [undefined, { ca: rounds[0].authority.ca }, otherName, rounds[1].client]) {
      expect(await failure(tls)).to.be.oneOf(['TLS_FAILED', 'CLOSED', 'BAD_REPLY']);
    }
    await until('all arrive', () => journal.complete, 60_000);
    const { httpPort } = hub.workers.find(({ stage }) => stage.role === 'listener')!;
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort!}/metrics`)).text();
    expect(metrics).to.match(/ihub_messages_received_total\{[^}]*\} 20\n/);
    expect(metrics).to.match(/ihub_tls_failures_total\{flow="paris",reason="WRONG_NAME"[^}]*\} 1\n/);
  });

  it('loses nothing and drops no connection while all certificates and authorities are replaced', async () => {
    const kept = await Promise.all(Array.from({ length: 4 }, () => open(rounds[0].client)));
    let ended = false;
    const sending = kept.map(async (connection, index) => {
      for (let number = 1; !ended; number += 1) await acknowledged(connection, `kept${index}-${number}`);
    });
    await sleep(1_000);
    rounds[1].write(folder, 1);
    // The receiver is given its new certificates by a restart, so the sender must connect anew, with its own new ones.
    await receiver.stop();
    receiver.options.tls = rounds[1].server;
    await receiver.start();
    const connections = receiver.connections;
    await until(
      'a client of the new authority is admitted',
      async () => {
        try {
          await (await open(rounds[1].client)).close();
          return true;
        } catch (error) {
          if (error instanceof MllpError) return false;
          throw error;
        }
      },
      60_000,
    );
    const fresh = await open(rounds[1].client);
    for (let number = 1; number <= 20; number += 1) await acknowledged(fresh, `fresh-${number}`);
    ended = true;
    await Promise.all(sending); // Each on the connection that it had all the time.
    for (const connection of [...kept, fresh]) await connection.close();
    expect(await failure(rounds[0].client)).to.be.oneOf(['TLS_FAILED', 'CLOSED']);

    await until('all arrive', () => journal.complete, 120_000);
    expect(receiver.connections).to.be.greaterThan(connections);
    const { lost, doubled, outOfOrder, altered } = journal.verdict();
    expect({ lost, doubled, outOfOrder, altered }).to.deep.equal({
      lost: [],
      doubled: [],
      outOfOrder: [],
      altered: [],
    });
    expect(journal.acknowledgedCount).to.be.greaterThan(60);
    expect(hub.workers.map(({ restarts }) => restarts)).to.deep.equal(hub.workers.map(() => 0));
  });

  it('waits while the receiver’s certificate is wrong, and says why, and delivers when it is right', async () => {
    await receiver.stop();
    receiver.options.tls = rounds[0].server;
    await receiver.start();
    const connection = await open(rounds[1].client);
    await acknowledged(connection, 'wrong-1');
    await connection.close();
    const { httpPort } = hub.workers.find(({ stage }) => stage.role === 'sender')!;
    await until(
      'the failure is counted',
      async () =>
        /code="TLS_UNKNOWN_AUTHORITY"/.test(
          await (await fetch(`http://127.0.0.1:${httpPort!}/metrics`)).text(),
        ),
      30_000,
    );
    expect(journal.complete).to.equal(false);
    await receiver.stop();
    receiver.options.tls = rounds[1].server;
    await receiver.start();
    await until('it arrives', () => journal.complete, 30_000);
  });
});
