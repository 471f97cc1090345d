import { fileURLToPath } from 'node:url';

/** @type {import('vite').UserConfig} */
export default {
  root: fileURLToPath(new URL('.', import.meta.url)),
  build: {
    // Beside what tsc compiles for the checks of types and for unit tests.
    outDir: 'dist/site',
    // A strict Content-Security-Policy has no room for data: addresses and for a polyfill in the page.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
};
