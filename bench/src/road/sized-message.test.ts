import { builtInSchemaSet, isValid, Message, validate } from '@integration-hub/hl7';
import { expect } from 'chai';
import { readNumbered, Template } from './numbered-message.js';
import { sizedMessage } from './sized-message.js';

describe('Messages of any size', () => {
  for (const bytes of [300, 3_000, 300_000]) {
    it(`are valid, numbered, and of about ${bytes} bytes`, () => {
      const sized = sizedMessage(bytes);
      expect(sized.length).to.be.within(bytes - 90, bytes);
      const message = new Template(sized).message('r.7', 12);
      expect(isValid(validate(Message.parse(message), builtInSchemaSet('phw')))).to.equal(true);
      expect(readNumbered(message)).to.include({ controlId: 'r.7-12', source: 'r.7', number: 12 });
    });
  }
});
