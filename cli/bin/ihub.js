#!/usr/bin/env node
// Starts ihub on Node 24: on this Node when it is new enough, else on the one in node_modules. Must itself run on any.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const compiled = new URL('../dist/main.js', import.meta.url);
const pinned = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

if (Number(process.versions.node.split('.')[0]) < NEEDED) {
  if (existsSync(pinned) && process.env.IHUB_ON_PINNED_NODE === undefined) {
    onPinnedNode();
  } else {
    stop(`ihub needs Node ${NEEDED} or newer, and this is ${process.version}: install Node ${NEEDED}.`);
  }
} else if (existsSync(compiled)) {
  const { main } = await import(compiled.href);
  await main(process.argv);
} else {
  stop('ihub is not compiled yet: run "make build" first.');
}

function onPinnedNode() {
  const child = spawn(pinned, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    // The pinned Node would start itself again and again if it were too old as well.
    env: { ...process.env, IHUB_ON_PINNED_NODE: 'yes' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => stop(`ihub could not start ${pinned} (${error.code}): run "make install".`));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function stop(sentence) {
  console.error(sentence);
  process.exitCode = 2;
}
