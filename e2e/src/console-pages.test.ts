/**
 * The console's pages in a real browser, in every state: accessible by axe's rules, by keyboard alone, on a phone, in
 * both themes and languages, and honest about what is not live. The server is a stand-in that answers by the contract.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type axe from 'axe-core';
import { expect } from 'chai';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { startChromium } from './chromium.js';
import { ConsoleStandIn, CORRELATION_ID } from './console-stand-in.js';

declare const window: { axe: typeof axe };
declare const document: {
  documentElement: { scrollWidth: number; clientWidth: number; lang: string };
  activeElement: { tagName: string; id: string } | null;
};

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** A busy machine may need long for a page, but no page may need for ever. */
const PATIENCE = 60_000;
const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 900 };

/** Each page, and what is on it once it has all that it shows. */
const PAGES: readonly (readonly [path: string, content: string])[] = [
  ['/', 'table.flows'],
  ['/flows/phw-to-mpi', '.chart canvas'],
  ['/messages?flow=phw-to-mpi', 'table.cards'],
  [`/messages/${CORRELATION_ID}`, 'table.differences'],
  ['/dead-letters', 'table.choosing'],
  ['/dead-letters/phw-to-mpi/0/17', 'table.segment'],
  ['/replays', 'progress'],
  ['/alarms', '.alarms li'],
  ['/audit', 'table.cards'],
  ['/nowhere', 'main a'],
];

describe('The console’s pages', function () {
  this.timeout(300_000);
  let standIn: ConsoleStandIn;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  /** What the browser has found wrong with the page: errors of scripts, and what the policy has refused. */
  let complaints: string[];

  before(async () => {
    standIn = await ConsoleStandIn.start();
    browser = await startChromium();
  });
  after(async () => {
    await browser.close();
    await standIn.stop();
  });
  beforeEach(() => {
    Object.assign(standIn, { state: 'full', role: 'administrator', hasArchive: true, isSignedIn: true });
    standIn.silence(false);
    standIn.posted.length = 0;
    complaints = [];
  });
  afterEach(async () => {
    await context.close();
    expect(complaints).to.deep.equal([]);
  });

  /** A browser's page with settings of its own; the language is chosen as a person's would be kept. */
  async function open(
    path: string,
    { language = 'en', ...options }: BrowserContextOptions & { language?: 'en' | 'cy' } = {},
  ): Promise<void> {
    context = await browser.newContext({ viewport: DESK, reducedMotion: 'reduce', ...options });
    await context.addInitScript({ content: AXE });
    await context.addInitScript(
      `localStorage.getItem('language') ?? localStorage.setItem('language', '${language}')`,
    );
    page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (message) => {
      // That the server refuses something is what some tests are about.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        complaints.push(message.text());
      }
    });
    await go(path);
  }
  async function go(path: string, content = 'h1'): Promise<void> {
    await page.goto(standIn.url + path);
    await page.locator(content).first().waitFor();
  }
  /** What axe finds, in a few words each. */
  async function findings(): Promise<string[]> {
    const { violations } = await page.evaluate(
      (values) => window.axe.run({ runOnly: { type: 'tag', values } }),
      RULES,
    );
    return violations.map(
      ({ id, nodes }) => `${page.url()}: ${id}: ${nodes.map(({ html }) => html).join(' ')}`,
    );
  }
  const overflow = (): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const isFocused = async (element: Locator): Promise<boolean> =>
    (await element.and(page.locator(':focus')).count()) === 1;
  const focused = (): Promise<string> =>
    page.evaluate(() => `${document.activeElement?.tagName ?? ''}#${document.activeElement?.id ?? ''}`);

  for (const [language, colorScheme] of [
    ['en', 'light'],
    ['cy', 'dark'],
  ] as const) {
    it(`have nothing that axe finds: ${colorScheme}, ${language}`, async () => {
      await open('/', { language, colorScheme });
      const found: string[] = [];
      for (const [path, content] of PAGES) {
        await go(path, content);
        found.push(...(await findings()));
      }
      expect(await page.evaluate(() => document.documentElement.lang)).to.equal(language);
      expect(found).to.deep.equal([]);
    });

    it(`fit a phone without scrolling sideways: ${language}`, async () => {
      await open('/', { language, colorScheme, viewport: PHONE });
      const wide: string[] = [];
      for (const [path, content] of PAGES) {
        await go(path, content);
        if ((await overflow()) > 0) wide.push(path);
      }
      expect(wide).to.deep.equal([]);
      await page.locator('.menu-button').click();
      expect(await overflow()).to.equal(0);
      expect(await findings()).to.deep.equal([]);
    });
  }

  it('say what is the matter where there is nothing to show, and axe finds nothing there', async () => {
    const found: string[] = [];
    const says = async (path: string, ...texts: string[]): Promise<void> => {
      await go(path);
      for (const text of texts) await page.getByText(text).first().waitFor();
      found.push(...(await findings()));
    };
    await open('/');
    standIn.state = 'empty';
    await says('/', 'No flow runs yet', 'No alarm is firing');
    await says('/messages?flow=phw-to-mpi', 'No message matches');
    await says('/dead-letters', 'No dead letters');
    await says('/replays', 'No replay yet');
    await says('/alarms', 'Every threshold is kept.');
    standIn.state = 'failing';
    await says('/dead-letters', 'Kafka does not answer: see whether its brokers run', 'KAFKA_AWAY');
    standIn.state = 'full';
    standIn.hasArchive = false;
    await says('/messages', 'The message store is off', 'ihub up --archive');
    await says('/replays', 'The message store is off');
    standIn.hasArchive = true;
    standIn.role = 'viewer';
    await says('/audit', 'You may not see this');
    await says('/dead-letters', 'your role may look');
    expect(await page.getByRole('checkbox').count()).to.equal(0);
    standIn.isSignedIn = false;
    await says('/', 'You are signed out');
    expect(await page.getByRole('link', { name: 'Sign in' }).getAttribute('href')).to.equal('/auth/login');
    expect(found).to.deep.equal([]);
  });

  it('can be used by keyboard alone, and the focus is always where one goes on', async () => {
    await open('/');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter'); // Skip to the content.
    expect(await focused()).to.equal('MAIN#content');

    const toLink = async (name: string): Promise<void> => {
      const link = page.getByRole('link', { name, exact: true });
      for (let pressed = 0; !(await isFocused(link)); pressed += 1) {
        expect(pressed, `presses of Tab until ${name}`).to.be.below(60);
        await page.keyboard.press('Tab');
      }
    };
    await page.reload();
    await page.locator('h1').waitFor();
    await toLink('Dead letters');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Dead letters' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');

    const first = page.getByRole('checkbox', { name: 'Choose 20260304091527001000' });
    await first.waitFor();
    await first.focus();
    await page.keyboard.press('Space');
    await page.getByText('1 chosen').waitFor();
    const replay = page.getByRole('button', { name: 'Replay…' });
    await replay.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Replay 1 dead letter' });
    await dialog.waitFor();
    expect(await findings()).to.deep.equal([]);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(await isFocused(replay)).to.equal(true);

    await page.keyboard.press('Enter');
    await dialog.getByRole('textbox', { name: 'Why' }).focus();
    await page.keyboard.type('the receiver is mended');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('1 dead letter was replayed.').waitFor();
    expect(standIn.posted).to.deep.equal([
      {
        path: '/api/dead-letters/replay',
        body: { ids: ['mpi/0/16'], reason: 'the receiver is mended', rejected: false },
        csrf: 'the-token',
      },
    ]);
  });

  it('do nothing without a reason', async () => {
    await open('/dead-letters');
    await page.getByRole('checkbox', { name: 'Choose all shown' }).check();
    await page.getByRole('button', { name: 'Drop…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Drop 6 dead letters' });
    await dialog.getByRole('button', { name: 'Drop for good' }).click();
    expect(await dialog.isVisible()).to.equal(true);
    expect(standIn.posted).to.deep.equal([]);
  });

  it('say who has silenced what until when, and end it', async () => {
    await open('/alarms');
    await page.getByText('by Huw Bowen: the monthly load').waitFor();
    await page.getByRole('button', { name: 'End now… wis backlogSize' }).press('Enter');
    const dialog = page.getByRole('dialog', { name: 'End this now' });
    await dialog.getByRole('textbox').fill('the load is over');
    await dialog.getByRole('button', { name: 'End now' }).click();
    await dialog.waitFor({ state: 'detached' });
    const [{ path, body }] = standIn.posted as [(typeof standIn.posted)[number]];
    expect(decodeURIComponent(path)).to.equal('/api/alarm-overrides/Destination.wis.123456789abcdef0/end');
    expect(body).to.deep.equal({ why: 'the load is over' });
  });

  it('never show figures as live that are not', async () => {
    await open('/');
    await page.locator('.connection-mark.live').waitFor();
    standIn.silence(true);
    await page.getByRole('status').getByText('The connection to the console’s server is lost.').waitFor();
    await page.getByText('Not live', { exact: true }).waitFor();
    await page.locator('main.not-live').waitFor();
    expect(await findings()).to.deep.equal([]);
    standIn.silence(false);
    await page.locator('main:not(.not-live)').waitFor();
    expect(await page.getByText('is lost').count()).to.equal(0);
  });

  it('send a patient’s identifier in a body only', async () => {
    await open('/messages');
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await page.getByRole('textbox', { name: 'Patient’s identifier' }).fill('999 000 1234');
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: '20260304091527001001' }).click();
    await page.getByText('4 parts differ').waitFor();
    await page.goBack();
    await page.getByText('12 messages').waitFor();
    expect(standIn.posted).to.deep.include({
      path: '/api/messages/search',
      body: { patient: '999 000 1234' },
      csrf: 'the-token',
    });
    addresses.push(page.url());
    expect(addresses.filter((address) => /999.{0,3}000/.test(address))).to.deep.equal([]);
  });

  it('weigh less than 100 kB, compressed', () => {
    const assets = fileURLToPath(new URL('../../console/web/dist/site/assets/', import.meta.url));
    const bytes = readdirSync(assets).map((name) => gzipSync(readFileSync(assets + name)).length);
    expect(bytes.reduce((total, one) => total + one)).to.be.below(100_000);
  });
});
