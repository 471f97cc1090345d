/**
 * The console on a real road, in a real browser: from the overview to a flow, to what the mapping changed in one
 * message, to a dead letter that is corrected, replayed, and arrives at the receiver.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readResources } from '@integration-hub/api';
import { LocalHub, MockReceiver } from '@integration-hub/cli';
import { Message } from '@integration-hub/hl7';
import { freePorts } from '@integration-hub/kafka';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { startChromium } from './chromium.js';
import { flows, phwAsDelivered, samples } from './flows.js';
import { Hospital, numbered } from './hospital.js';
import { until } from './hub-under-test.js';
import { Journal } from './journal.js';

const PATIENCE = 90_000;
/** Stands for a patient, and must be in no address that the browser asks for. */
const PATIENT = 'ZZ4711';

describe('The console of ihub up', function () {
  this.timeout(400_000);
  const journal = new Journal();
  let directory: string;
  let hub: LocalHub;
  let receiver: MockReceiver;
  let browser: Browser;
  let page: Page;
  let phwPort: number;
  const addresses: string[] = [];
  const complaints: string[] = [];

  const phw = Buffer.from(
    samples.phw.toString().replace(/^(PID\|[^|]*\|[^|]*\|)[^|]*/m, `$1${PATIENT}^^^252^PI`),
  );

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-console-'));
    const ports = await freePorts(4);
    receiver = new MockReceiver(
      { host: '127.0.0.1', port: ports[0]!, reply: 'AA', delayMs: 0 },
      { message: ({ bytes }) => journal.arrived(Message.parse(bytes).controlId, Buffer.from(bytes)) },
    );
    await receiver.start();
    phwPort = ports[1]!;
    const manifests = flows()
      .replace('name: phw-to-mpi\nspec:\n', 'name: phw-to-mpi\nspec:\n  contentPolicy: Full\n')
      .replace(/port: (257[567])/g, (_, port: string) => {
        return `port: ${{ 2576: ports[0]!, 2575: ports[1]!, 2577: ports[2]! }[port]!}`;
      });
    const read = readResources(manifests, 'test');
    expect(read.problems).to.deep.equal([]);
    hub = await LocalHub.start(
      { hub: undefined, ...read },
      {
        directory,
        addresses: new Map(),
        archive: true,
        consolePort: ports[3]!,
        onProgress: () => undefined,
      },
    );
    const all = [...hub.workers, hub.console!];
    await until('every worker runs', () => all.every(({ state }) => state === 'running'), PATIENCE);
    browser = await startChromium();
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(PATIENCE);
    page.on('request', (request) => addresses.push(request.url()));
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      // A 503 is an answer as well: the message store may not have its tables yet.
      if (message.type() === 'error' && !message.text().includes('503')) complaints.push(message.text());
    });
  });
  after(async () => {
    await browser.close();
    await hub.stop();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('leads from the overview to a flow, and to what was changed in one of its messages', async () => {
    const hospital = new Hospital({
      name: 'good',
      port: phwPort,
      journal,
      template: phw,
      expected: phwAsDelivered,
    });
    await hospital.send(3);
    hospital.close();
    await page.goto(hub.consoleUrl!);
    await page.locator('.connection-mark.live').waitFor();
    const row = page.getByRole('row', { name: /^phw-to-mpi/ });
    await row.getByText('Working', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'phw-to-mpi', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'phw-to-mpi' }).waitFor();
    // Counted live: the console began to look before the messages came.
    await page.locator('.road li.destination', { hasText: 'mpi' }).waitFor();
    await page.getByRole('link', { name: 'Messages of this flow' }).click();
    await until(
      'the message store has them',
      async () => {
        await page.getByRole('button', { name: 'Search' }).click();
        await page.getByText('Loading…').waitFor({ state: 'detached' });
        const found = page.getByRole('row', { name: /good-2/ });
        return (await found.getByText(/^delivered/).count()) === 1;
      },
      PATIENCE,
    );
    await page.getByRole('link', { name: 'good-2' }).click();
    await page.getByRole('heading', { level: 1, name: 'Message good-2' }).waitFor();
    const changed = page.getByRole('table', { name: 'What the mapping changed' }).getByRole('row', {
      name: /^MSH-7\b/,
    });
    expect(await changed.getByRole('deletion').textContent()).to.equal('2026-03-04 09:15:27');
    expect(await changed.getByRole('insertion').textContent()).to.equal('20260304091527');
    await page.getByText('Received and stored').waitFor();
    await page.getByText(PATIENT).first().waitFor();
  });

  it('corrects a dead letter and replays it, and it arrives', async () => {
    const bad = Buffer.from(
      phw.toString('latin1').replace('2026-03-04 09:15:27', '2026-13-04 09:15:27'),
      'latin1',
    );
    const arrives = phwAsDelivered(numbered(phw, 'bad-1'));
    const hospital = new Hospital({
      name: 'bad',
      port: phwPort,
      journal,
      template: bad,
      expected: () => arrives,
    });
    await hospital.send(1);
    hospital.close();
    await page.getByRole('link', { name: 'Dead letters', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    const letter = page.getByRole('link', { name: 'bad-1' });
    await until(
      'it is set aside',
      async () => {
        if ((await letter.count()) === 1) return true;
        await page.reload();
        await page.getByRole('heading', { level: 1 }).waitFor();
        await page.getByText('Loading…').waitFor({ state: 'detached' });
        return (await letter.count()) === 1;
      },
      PATIENCE,
    );
    await letter.click();
    await page.getByRole('heading', { level: 1, name: 'Dead letter bad-1' }).waitFor();
    await page.getByText('BAD_DATE_TIME').first().waitFor();
    await page.getByRole('button', { name: 'Correct MSH-7', exact: true }).click();
    await page.getByRole('textbox', { name: 'New value of MSH-7' }).fill('2026-03-04 09:15:27');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Replay…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Why' }).fill('the month was mistyped; asked the ward');
    await dialog.getByRole('button', { name: 'Replay', exact: true }).click();
    await page.getByText('1 dead letter was replayed.').waitFor();
    await page.getByText(/^It was replayed by/).waitFor();
    await until('it arrives', () => journal.arrivals('bad-1').length === 1, PATIENCE);
    const verdict = journal.verdict();
    expect(verdict).to.deep.include({ lost: [], altered: [], doubled: [], outOfOrder: [] });
  });

  it('sends a message of the message store again, and it arrives once more', async () => {
    await page.getByRole('link', { name: 'Replays', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Replays' }).waitFor();
    await page.getByText('New replay').click();
    await page.getByRole('textbox', { name: 'Control id (MSH-10)' }).fill('good-2');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('phw-to-mpi (1)').waitFor();
    await page.getByRole('textbox', { name: 'Why' }).fill('the receiver lost it');
    await page.getByRole('button', { name: 'Run the replay' }).click();
    await page.getByText('the receiver lost it').waitFor();
    await page.getByText('Done', { exact: true }).waitFor();
    await until('it arrives', () => journal.arrivals('good-2').length === 2, PATIENCE);
    const [first, second] = journal.arrivals('good-2');
    expect(second!.equals(first!)).to.equal(true);
  });

  it('has asked for no address with a patient in it, and the browser has complained of nothing', () => {
    expect(addresses.filter((address) => address.includes(PATIENT))).to.deep.equal([]);
    expect(complaints).to.deep.equal([]);
  });
});
