import { expect } from 'chai';
import fc from 'fast-check';
import { encodeFrame, FrameDecoder, type FrameSink, type FrameViolation } from './frame-decoder.js';
import { MllpError } from './mllp-error.js';

const LIMIT = 1_048_576;

/** What one stream gave: contents and violation codes, in the order in which they came. */
class Seen implements FrameSink {
  readonly log: string[] = [];
  readonly frames: Buffer[] = [];
  lastViolation: FrameViolation | undefined;

  frame(content: Buffer): void {
    this.frames.push(content);
    this.log.push(content.toString('latin1'));
  }

  violation(violation: FrameViolation): void {
    this.lastViolation = violation;
    this.log.push(`!${violation.code}`);
  }
}

function decode(chunks: Buffer[], maxContentBytes = LIMIT): Seen {
  const decoder = new FrameDecoder({ maxContentBytes });
  const seen = new Seen();
  for (const chunk of chunks) decoder.push(chunk, seen);
  decoder.end(seen);
  return seen;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const message = (id: string): Buffer =>
  Buffer.from(`MSH|^~\\&|252|252|100|100|20260304||ADT^A31|${id}|P|2.5\rPID|||1^^^252^PI||Siân\r`);

function cut(stream: Buffer, cuts: number[]): Buffer[] {
  const places = [...new Set(cuts.map((at) => at % (stream.length + 1)))].sort((a, b) => a - b);
  const ends = [...places, stream.length];
  return ends.map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** The same protocol read byte by byte, the slow and plain way: what the decoder is compared with. */
function expected(stream: Buffer, maxContentBytes: number): string[] {
  const log: string[] = [];
  let content: number[] | undefined;
  for (let i = 0; i < stream.length; i++) {
    const byte = stream[i]!;
    if (content === undefined) {
      if (byte !== 0x0b) return [...log, '!GARBAGE_BEFORE_START'];
      content = [];
    } else if (byte === 0x0b) {
      return [...log, '!MISSING_END'];
    } else if (byte === 0x1c) {
      if (i + 1 === stream.length) break;
      if (stream[++i] !== 0x0d) return [...log, '!MISSING_END'];
      log.push(Buffer.from(content).toString('latin1'));
      content = undefined;
    } else {
      content.push(byte);
      if (content.length > maxContentBytes) return [...log, '!TOO_LARGE'];
    }
  }
  return content === undefined ? log : [...log, '!UNFINISHED'];
}

describe('FrameDecoder', () => {
  const frames = ['P1', 'P2', 'P3'].map((id) => encodeFrame(message(id)));
  const contents = ['P1', 'P2', 'P3'].map((id) => message(id).toString('latin1'));

  describe('wire cases on which other servers lose, join or repeat messages', () => {
    it('gives three messages, sent in turn, once each', () => {
      const decoder = new FrameDecoder({ maxContentBytes: LIMIT });
      frames.forEach((frame, i) => {
        const seen = new Seen();
        decoder.push(frame, seen);
        expect(seen.log).to.deep.equal([contents[i]]);
      });
    });

    it('gives three messages, sent in one write, in order', () => {
      expect(decode([Buffer.concat(frames)]).log).to.deep.equal(contents);
    });

    it('gives one message of one and a half, and the second when it is whole', () => {
      const stream = Buffer.concat(frames.slice(0, 2));
      const half = frames[0]!.length + 20;
      const decoder = new FrameDecoder({ maxContentBytes: LIMIT });
      const seen = new Seen();
      decoder.push(stream.subarray(0, half), seen);
      expect(seen.log).to.deep.equal([contents[0]]);
      expect(decoder.pendingBytes).to.equal(19);
      decoder.push(stream.subarray(half), seen);
      expect(seen.log).to.deep.equal(contents.slice(0, 2));
      expect(decoder.pendingBytes).to.equal(0);
    });

    it('keeps a character that is split over two reads', () => {
      const frame = frames[0]!;
      const inside = frame.indexOf(Buffer.from('â')) + 1;
      expect(decode([frame.subarray(0, inside), frame.subarray(inside)]).log).to.deep.equal([contents[0]]);
    });

    it('takes the end block and its carriage return from separate reads', () => {
      const frame = frames[0]!;
      const seen = decode([frame.subarray(0, -1), frame.subarray(-1), frames[1]!]);
      expect(seen.log).to.deep.equal(contents.slice(0, 2));
    });

    it('keeps two interleaved connections apart', () => {
      const a = { decoder: new FrameDecoder({ maxContentBytes: LIMIT }), seen: new Seen() };
      const b = { decoder: new FrameDecoder({ maxContentBytes: LIMIT }), seen: new Seen() };
      const halves = [a, b].map((side, i) => [side, frames[i]!, frames[i]!.length >> 1] as const);
      for (const [side, frame, half] of halves) side.decoder.push(frame.subarray(0, half), side.seen);
      for (const [side, frame, half] of halves) side.decoder.push(frame.subarray(half), side.seen);
      expect(a.seen.log).to.deep.equal([contents[0]]);
      expect(b.seen.log).to.deep.equal([contents[1]]);
    });

    it('refuses junk, and the good message behind it', () => {
      expect(decode([Buffer.concat([bytes('junk'), frames[0]!])]).log).to.deep.equal([
        '!GARBAGE_BEFORE_START',
      ]);
      expect(decode([bytes('junk'), frames[0]!]).log).to.deep.equal(['!GARBAGE_BEFORE_START']);
    });

    it('refuses 40 MB without an end at the limit, and holds no more than that', () => {
      const decoder = new FrameDecoder({ maxContentBytes: LIMIT });
      const seen = new Seen();
      decoder.push(bytes('\x0bMSH|'), seen);
      const chunk = Buffer.alloc(65_536, 'x');
      let most = 0;
      let refusedAfter = 0;
      for (let sent = 0; sent < 40_000_000; sent += chunk.length) {
        decoder.push(chunk, seen);
        most = Math.max(most, decoder.pendingBytes);
        if (seen.lastViolation === undefined) refusedAfter = sent + chunk.length;
      }
      expect(seen.log).to.deep.equal(['!TOO_LARGE']);
      expect(refusedAfter).to.be.below(LIMIT);
      expect(most)
        .to.be.at.most(LIMIT)
        .and.above(LIMIT - 65_536);
      expect(decoder.pendingBytes).to.equal(0);
    });
  });

  it('gives the messages before a violation, and nothing after it', () => {
    const stream = Buffer.concat([frames[0]!, bytes('\n'), frames[1]!]);
    for (const chunks of [[stream], [...stream].map((byte) => Buffer.of(byte))]) {
      expect(decode(chunks).log).to.deep.equal([contents[0], '!GARBAGE_BEFORE_START']);
    }
  });

  it('never joins two messages where an end is missing', () => {
    expect(decode([bytes('\x0bone\x0btwo\x1c\r')]).log).to.deep.equal(['!MISSING_END']);
    expect(decode([bytes('\x0bone\x1c'), bytes('\x0btwo\x1c\r')]).log).to.deep.equal(['!MISSING_END']);
    expect(decode([bytes('\x0bone\x1ctwo\x1c\r')]).log).to.deep.equal(['!MISSING_END']);
  });

  it('takes content of exactly the limit and not one byte more', () => {
    for (const split of [(stream: Buffer) => [stream], (stream: Buffer) => cut(stream, [3, 9, 11])]) {
      expect(decode(split(bytes('\x0b0123456789\x1c\r')), 10).log).to.deep.equal(['0123456789']);
      expect(decode(split(bytes('\x0b0123456789A\x1c\r')), 10).log).to.deep.equal(['!TOO_LARGE']);
    }
  });

  it('tells of a stream that ends inside a message, once', () => {
    const decoder = new FrameDecoder({ maxContentBytes: LIMIT });
    const seen = new Seen();
    decoder.push(bytes('\x0bMSH|'), seen);
    decoder.end(seen);
    decoder.end(seen);
    decoder.push(frames[0]!, seen);
    expect(seen.log).to.deep.equal(['!UNFINISHED']);
    expect(seen.lastViolation!.firstBytes.toString()).to.equal('MSH|');
    expect(decode([bytes('\x0bMSH|\x1c')]).log).to.deep.equal(['!UNFINISHED']);
  });

  it('keeps the first 1,000 bytes of what it refuses, and says nothing of them', () => {
    const secret = `MSH|${'secret'.repeat(500)}`;
    for (const stream of [`\x0b${secret}`, `\x0b${secret}\x0b`, `\x0b${secret}\x1c!`, secret]) {
      for (const chunks of [[bytes(stream)], cut(bytes(stream), [400, 700])]) {
        const { lastViolation } = decode(chunks, 2000);
        expect(lastViolation!.message).not.to.contain('secret');
        expect(lastViolation!.firstBytes.length).to.be.at.most(1000);
        expect(secret.startsWith(lastViolation!.firstBytes.toString('latin1'))).to.equal(true);
        if (stream !== secret) expect(lastViolation!.firstBytes.length).to.equal(1000);
      }
    }
  });

  it('does not copy a frame that lies inside one chunk', () => {
    const stream = Buffer.concat(frames);
    const seen = decode([stream]);
    expect(seen.frames.map((frame) => frame.buffer === stream.buffer)).to.deep.equal([true, true, true]);
  });

  it('gives each message a buffer that later bytes do not touch', () => {
    const seen = decode([...Buffer.concat(frames)].map((byte) => Buffer.of(byte)));
    expect(seen.frames.map((frame) => frame.toString('latin1'))).to.deep.equal(contents);
  });

  it('copies content that comes a byte at a time twice over, not once a byte', () => {
    const limit = 1_000_000;
    const stream = encodeFrame(Buffer.alloc(limit, 'x'));
    const allocate = Buffer.allocUnsafeSlow.bind(Buffer);
    const sizes: number[] = [];
    Buffer.allocUnsafeSlow = (size) => {
      sizes.push(size);
      return allocate(size);
    };
    try {
      const decoder = new FrameDecoder({ maxContentBytes: limit });
      const seen = new Seen();
      for (let i = 0; i < stream.length; i++) decoder.push(stream.subarray(i, i + 1), seen);
      expect(seen.frames.map((frame) => frame.length)).to.deep.equal([limit]);
    } finally {
      Buffer.allocUnsafeSlow = allocate;
    }
    expect(sizes.length).to.be.within(1, 12);
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.be.at.most(3 * limit);
    expect(Math.max(...sizes)).to.equal(limit);
  });

  it('finds the same messages wherever the stream is cut', () => {
    const content = fc
      .uint8Array({ maxLength: 300 })
      .map((array) => array.filter((b) => b !== 0x0b && b !== 0x1c));
    fc.assert(
      fc.property(
        fc.array(content, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (contents, cuts) => {
          const stream = Buffer.concat(contents.map((one) => encodeFrame(Buffer.from(one))));
          const wanted = contents.map((one) => Buffer.from(one).toString('latin1'));
          expect(decode(cut(stream, cuts)).log).to.deep.equal(wanted);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads any bytes as the byte-by-byte reading of the protocol does, and holds at most the limit', () => {
    const whole = fc.array(fc.constant(0x41), { maxLength: 14 }).map((body) => [0x0b, ...body, 0x1c, 0x0d]);
    const bytes = fc.oneof(fc.constantFrom(0x0b, 0x1c, 0x0d, 0x41, 0x41), fc.nat(255));
    const broken = fc.array(bytes, { maxLength: 6 }).map((body) => [0x0b, ...body]);
    const pieces = fc.array(fc.oneof({ weight: 2, arbitrary: whole }, broken), { maxLength: 8 });
    fc.assert(
      fc.property(
        pieces,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 1, max: 13 }),
        (parts, cuts, limit) => {
          const stream = Buffer.from(parts.flat());
          const decoder = new FrameDecoder({ maxContentBytes: limit });
          const seen = new Seen();
          for (const chunk of cut(stream, cuts)) {
            decoder.push(chunk, seen);
            expect(decoder.pendingBytes).to.be.at.most(limit);
          }
          decoder.end(seen);
          expect(seen.log).to.deep.equal(expected(stream, limit));
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('encodeFrame', () => {
  it('puts the content between 0x0B and 0x1C 0x0D', () => {
    expect(encodeFrame(bytes('MSH|\r'))).to.deep.equal(bytes('\x0bMSH|\r\x1c\r'));
  });

  it('refuses content that would end or begin a frame at the receiver', () => {
    for (const content of ['one\x1c\rtwo', 'one\x0btwo']) {
      expect(() => encodeFrame(bytes(content)))
        .to.throw(MllpError, 'cannot carry')
        .with.property('code', 'CANNOT_FRAME');
    }
  });
});

describe('FrameDecoder.insideFrame', () => {
  it('is true from a start block to the last byte of its end', () => {
    const sink = { frame: () => undefined, violation: () => undefined };
    const decoder = new FrameDecoder({ maxContentBytes: 10 });
    const states = [...encodeFrame(Buffer.from('MSH'))].map((byte) => {
      decoder.push(Buffer.from([byte]), sink);
      return decoder.insideFrame;
    });
    expect(states).to.deep.equal([true, true, true, true, true, false]);
  });
});
