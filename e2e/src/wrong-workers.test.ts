import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { MockReceiver } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import { Ledger, WRONGS, type Findings } from './faults/ledger.js';
import { LoadSender } from './faults/load.js';
import { Random } from './faults/random.js';
import { flows, phwAsDelivered, samples } from './flows.js';
import { HubUnderTest, until } from './hub-under-test.js';

/**
 * The fault machine's word is worth nothing unless it catches a hub that breaks its promise. Each stage is made wrong
 * in the way that is easily taken for right, killed under load, and must be reported; the right one, killed the same
 * way, must not.
 */
describe('the ledger of the fault machine, with workers that are wrong', function () {
  this.timeout(600_000);
  const listener = { stage: 'phw-to-mpi-listener', program: 'wrong-listener.js' };
  const transformer = { stage: 'phw-to-mpi-transformer', program: 'wrong-transformer.js' };
  const sender = { stage: 'mpi-sender', program: 'wrong-sender.js' };
  let hub: HubUnderTest;
  let receiver: MockReceiver;
  let arrived: (controlId: string, bytes: Buffer) => void = () => undefined;
  let runs = 0;

  before(async () => {
    hub = await HubUnderTest.start({ manifests: flows(), receivers: [] });
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: hub.port(2576), reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    await receiver.start();
  });
  after(async () => {
    await hub.stop();
    await receiver.stop();
  });

  /** Kills a stage under load, lets the right program go on, and gives what the ledger found. */
  async function killed({ stage, program }: { stage: string; program?: string }): Promise<Findings> {
    const [ledger, run] = [new Ledger(), (runs += 1)];
    const arrivals = new Set<string>();
    arrived = (controlId, bytes) => {
      arrivals.add(controlId);
      ledger.arrived(controlId, bytes);
    };
    const loadSender = (name: string): LoadSender =>
      new LoadSender({
        name: `run${run}${name}`,
        addresses: [{ host: '127.0.0.1', port: hub.port(2575) }],
        template: samples.phw,
        expected: phwAsDelivered,
        ledger,
        misbehaviour: { halfMessages: 0, unreadAcknowledgements: 0, repetitions: 0 },
        random: new Random(run),
        paceMs: 20,
        mostAwaited: Infinity,
        ackTimeoutMs: 20_000,
      });
    const worker = hub.worker(stage);
    let kill = (): Promise<void> => {
      hub.kill(stage);
      return Promise.resolve();
    };
    if (program !== undefined) {
      await worker.stop();
      const file = fileURLToPath(new URL(`faults/${program}`, import.meta.url));
      const configuration = join(hub.directory, 'hub', 'configuration', `${stage}.json`);
      const wrong = spawn(process.execPath, [file, '--config', configuration], { stdio: 'ignore' });
      kill = async () => {
        const ended = once(wrong, 'exit');
        wrong.kill('SIGKILL');
        await ended;
        await worker.start();
      };
    }
    // Slower than the load until the kill, so that the sender has something in hand.
    receiver.options.delayMs = 30;
    const senders = ['a', 'b', 'c'].map(loadSender);
    const running = senders.map((one) => one.run());
    await until('messages go through', () => ledger.acknowledgedCount >= 100 && arrivals.size >= 20, 60_000);
    await kill();
    receiver.options.delayMs = 0;
    const goal = ledger.acknowledgedCount + 50;
    await until('messages go through again', () => ledger.acknowledgedCount >= goal, 60_000);
    for (const one of senders) one.stop();
    await Promise.all(running);
    // One order for the flow: once the last has arrived, what has not is lost, and what comes twice has come.
    const last = loadSender('last');
    const sent = last.run();
    last.stop();
    await sent;
    await until('the last message has arrived', () => arrivals.has(`run${run}last-1`), 60_000);
    return ledger.findings();
  }

  it('has a loss to report of a listener that acknowledges what it has yet to store', async () => {
    const { lost } = await killed(listener);
    expect(lost).not.to.be.empty;
  });

  it('has a loss to report of a sender that commits what is yet to be acknowledged', async () => {
    const { lost } = await killed(sender);
    expect(lost).not.to.be.empty;
  });

  it('has doubles to report of a transformer that stores and commits one after the other', async () => {
    const { doubled, lost } = await killed(transformer);
    expect(doubled).not.to.be.empty;
    expect(lost).to.be.empty;
  });

  it('has nothing wrong to report of the right ones', async () => {
    for (const { stage } of [listener, transformer, sender]) {
      const findings = await killed({ stage });
      for (const wrong of WRONGS) expect(findings[wrong], `${wrong}, ${stage} killed`).to.deep.equal([]);
    }
  });
});
