/**
 * Bundles the worker program: `dist/bundle/main.js`, and a file for what each role alone needs. Names stay as they
 * are, so that a stack in a log can be read; the source maps beside it lead to the TypeScript.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
/** Ours do nothing when they are loaded that matters to those who need nothing of them. */
const ours = /\/(api|hl7|kafka|store|replay|workers)\/dist\//;

/** V8 keeps the text of what it runs, two bytes for every character where one of them is beyond Latin-1. */
const inAscii = {
  name: 'in-ascii',
  generateBundle: (_, files) => {
    for (const file of Object.values(files)) if (file.type === 'chunk') file.code = escaped(file.code);
  },
};
const escaped = (code) =>
  code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Of iconv-lite only the sets of one byte are used; the tables of the others would be most of its text. */
const withoutTables = {
  name: 'without-tables',
  load: { filter: { id: /iconv-lite\/encodings\/tables\// }, handler: () => '[]' },
};

const bundle = await rolldown({
  input: path('dist/main.js'),
  platform: 'node',
  // Repaired module by module before it is loaded (kafkajs), with files beside it, or only loaded where configured.
  external: [/^kafkajs/, /^@platformatic\//, /^libxml2-wasm/, /^pg(-|$)/, /^@opentelemetry\//, /^protobufjs/],
  plugins: [withoutTables, inAscii],
  treeshake: { moduleSideEffects: [{ test: ours, sideEffects: false }] },
});
await bundle.write({
  dir: path('dist/bundle'),
  cleanDir: true,
  format: 'esm',
  sourcemap: true,
  comments: { legal: false, annotation: false, jsdoc: false },
});
await bundle.close();
