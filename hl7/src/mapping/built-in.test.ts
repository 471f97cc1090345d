import { expect } from 'chai';
import { Message } from '../message/message.js';
import { builtInMapping } from './built-in.js';
import { UnknownMappingError } from './mappings.js';

describe('built-in mappings', () => {
  it('are found by name', () => {
    for (const name of ['identity', 'phw', 'chemocare', 'pims']) {
      expect(builtInMapping(name).name).to.equal(name);
    }
  });

  it('are listed when a name is wrong', () => {
    expect(() => builtInMapping('phx'))
      .to.throw(UnknownMappingError, '"phx"')
      .with.property('message')
      .that.matches(/: identity, .*chemocare, .*phw, .*pims/);
    expect(() => builtInMapping('constructor')).to.throw(UnknownMappingError);
  });

  it('send the very bytes when they change nothing', () => {
    const bytes = Buffer.from('MSH|^~\\&|169|||||||||||||||8859/1\r\n\nPID|||^^|Si\xe2n^^|||', 'latin1');
    expect(builtInMapping('identity').map(Message.parse(bytes))).to.equal(bytes);
  });
});
