import { Writable } from 'node:stream';
import { expect } from 'chai';
import winston from 'winston';
import { RefusalLog } from './refusal-log.js';

describe('the log of refusals', () => {
  it('writes a line each, up to a number of a reason, and then how many more there were', () => {
    const lines: Record<string, unknown>[] = [];
    const stream = new Writable({
      write(chunk: Buffer, _, done) {
        lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
        done();
      },
    });
    const refusals = new RefusalLog(
      winston.createLogger({
        format: winston.format.json(),
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so winston types it
        transports: [new winston.transports.Stream({ stream })],
      }),
    );
    for (let number = 0; number < 250; number += 1) refusals.refused('RULE', 'message rejected', { number });
    refusals.refused('UNFINISHED', 'connection closed', {});
    expect(lines).to.have.length(101);
    refusals.flush();
    expect(lines).to.have.length(102);
    expect(lines.at(-1)).to.include({ reasonCode: 'RULE', more: 150 });
    refusals.flush();
    refusals.refused('RULE', 'message rejected', { number: 251 });
    expect(lines.at(-1)).to.include({ reasonCode: 'RULE', number: 251 });
    refusals.flush();
    expect(lines).to.have.length(103);
  });
});
