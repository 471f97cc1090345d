/** The HL7 engine and its peers on the same messages: reading, changing and writing; validation; mappings. */
import { readFileSync } from 'node:fs';
import {
  builtInSchemaSet,
  isValid,
  Message,
  MessageDraft,
  validate,
  validateByReference,
} from '@integration-hub/hl7';
import { Hl7Message } from '@medplum/core';
import { Message as ClientMessage } from 'node-hl7-client';
import { compareMappings } from './mappings.js';
import { compare, type Comparison } from './side-by-side.js';

/** Ten segments, 2.5, as facts and reference studies have used it. */
const bytes = readFileSync(new URL('../messages/adt-a31-ten-segments.hl7', import.meta.url));
const text = bytes.toString();

/** Parse, read PID-3.1, write PID-8, make bytes of it again. Every contestant starts from what came off the wire. */
export function readChangeWrite(): Buffer {
  const message = Message.parse(bytes);
  if (message.text('PID-3.1') === '') throw new Error('PID-3.1 was not read');
  const draft = MessageDraft.from(message);
  draft.set('PID-8', 'U');
  return draft.toBytes({ keepEmptyEnds: true });
}

function medplumReadChangeWrite(): Buffer {
  const message = Hl7Message.parse(bytes.toString());
  const pid = message.getSegment('PID');
  if (!pid?.getComponent(3, 1)) throw new Error('PID-3.1 was not read');
  pid.setField(8, 'U');
  return Buffer.from(message.toString());
}

function clientReadChangeWrite(): Buffer {
  const message = new ClientMessage({ text: bytes.toString() });
  if (message.get('PID.3.1').toString() === '') throw new Error('PID-3.1 was not read');
  message.set('PID.8', 'U');
  return Buffer.from(message.toString());
}

/** Validation of the PHW sample by its schema set: compiled, and by libxml2 on the same XSDs. Both begin with bytes. */
function compareValidation(): Comparison {
  const sample = readFileSync(new URL('../../manifests/flows/samples/phw-to-mpi.hl7', import.meta.url));
  const set = builtInSchemaSet('phw');
  const compiled = (): boolean => isValid(validate(Message.parse(sample), set));
  const reference = (): boolean => isValid(validateByReference(Message.parse(sample), set));
  if (!compiled() || !reference()) throw new Error('the PHW sample is not valid');
  return compare(
    'validation',
    'messages/s',
    { name: 'compiled', run: compiled },
    { name: 'libxml2-wasm 0.7.2', run: reference },
  );
}

/** All comparisons of this section. */
export function compareHl7(): Comparison[] {
  const expected = text.replace('|F|', '|U|');
  for (const [name, run] of Object.entries({
    readChangeWrite,
    medplumReadChangeWrite,
    clientReadChangeWrite,
  })) {
    const trimmed = run().toString().replace(/\r$/, '');
    if (trimmed !== expected.replace(/\r$/, '')) throw new Error(`${name} does not write what it read`);
  }
  const ours = { name: 'hl7', run: readChangeWrite };
  return [
    compare('parse–read–write', 'messages/s', ours, {
      name: '@medplum/core 5.2.13',
      run: medplumReadChangeWrite,
    }),
    compare('parse–read–write', 'messages/s', ours, {
      name: 'node-hl7-client 4.0.0',
      run: clientReadChangeWrite,
    }),
    compareValidation(),
    ...compareMappings(),
  ];
}
