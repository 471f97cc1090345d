/** Writes the pictures of docs/console.md: each page of the console, with sample data. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startChromium } from './chromium.js';
import { ConsoleStandIn, CORRELATION_ID } from './console-stand-in.js';

const TARGET = fileURLToPath(new URL('../../docs/console/', import.meta.url));

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly width?: number;
  readonly theme?: 'dark';
  readonly language?: 'cy';
}

const PICTURES: readonly Picture[] = [
  { name: 'overview', path: '/' },
  { name: 'overview-dark-welsh', path: '/', theme: 'dark', language: 'cy' },
  { name: 'overview-phone', path: '/', width: 360 },
  { name: 'flow', path: '/flows/phw-to-mpi' },
  { name: 'messages', path: '/messages?flow=phw-to-mpi' },
  { name: 'message', path: `/messages/${CORRELATION_ID}` },
  { name: 'dead-letters', path: '/dead-letters' },
  { name: 'dead-letter', path: '/dead-letters/phw-to-mpi/0/17' },
  { name: 'replays', path: '/replays' },
  { name: 'alarms', path: '/alarms' },
  { name: 'audit', path: '/audit' },
];

const standIn = await ConsoleStandIn.start();
const browser = await startChromium();
await mkdir(TARGET, { recursive: true });
try {
  for (const { name, path, width = 1000, theme = 'light', language = 'en' } of PICTURES) {
    const context = await browser.newContext({
      viewport: { width, height: 800 },
      colorScheme: theme,
      reducedMotion: 'reduce',
    });
    await context.addInitScript(`localStorage.setItem('language', '${language}')`);
    const page = await context.newPage();
    await page.goto(standIn.url + path);
    await page.locator('.connection-mark.live').waitFor();
    await page.locator('.loading').waitFor({ state: 'detached' });
    await page.screenshot({ path: `${TARGET}${name}.png`, fullPage: width > 500 });
    await context.close();
  }
} finally {
  await browser.close();
  await standIn.stop();
}
