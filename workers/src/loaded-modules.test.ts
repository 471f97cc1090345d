import { execFileSync } from 'node:child_process';
import { expect } from 'chai';

/** Tells what is loaded with a module. */
const program = `
  import { registerHooks } from 'node:module';
  const urls = [];
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  await import(process.argv[1]);
  console.log(urls.join(' '));`;

describe('what a worker loads', () => {
  const loadedBy = (module: string): string =>
    execFileSync(
      process.execPath,
      ['--input-type=module', '--eval', program, '--', new URL(module, import.meta.url).href],
      { encoding: 'utf8', maxBuffer: 16 * 1_048_576 },
    );

  // Each is 10 MiB or more for as long as the process lives.
  for (const module of ['sender/sender.js', 'transformer/transformer.js']) {
    it(`is neither libxml2 nor PostgreSQL's client for ${module}`, () => {
      const loaded = loadedBy(module);
      expect(loaded).to.include('kafkajs').and.include('hl7/dist/message/message.js');
      expect(loaded).to.not.match(/libxml2|node_modules\/pg\//);
      // The Kafka client that is not chosen.
      expect(loaded).to.not.include('@platformatic/kafka');
    });
  }

  it('is nothing of the other roles for a listener, and libxml2 only where it is the validator', () => {
    const others = /libxml2|dist\/(sender|transformer|archivist)\//;
    expect(loadedBy('listener/listener.js')).to.not.match(others).and.not.include('hl7/dist/schema/');
    expect(loadedBy('listener/validation.js')).to.not.match(others);
    expect(loadedBy('listener/reference-validation.js')).to.match(/libxml2/);
  });
});
