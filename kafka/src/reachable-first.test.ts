import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { reachableFirst } from './reachable-first.js';

describe('the order of bootstrap servers', () => {
  /** TEST-NET-1 (RFC 5737): nobody answers, and mostly nobody refuses either. */
  const vanished = ['192.0.2.1:9092', '192.0.2.2:9092'];
  let server: Server;
  let there: string;

  before(async () => {
    server = createServer((socket) => socket.on('error', () => undefined).resume());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    there = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it('has the one first that can be connected to, and keeps the others', async () => {
    expect(await reachableFirst({}, [...vanished, there], 10_000)).to.deep.equal([there, ...vanished]);
    expect(await reachableFirst({}, [there, ...vanished], 10_000)).to.deep.equal([there, ...vanished]);
  });

  it('stays where none can be', async () => {
    expect(await reachableFirst({}, vanished, 100)).to.deep.equal(vanished);
    expect(await reachableFirst({}, [there], 100)).to.deep.equal([there]);
  });
});
