import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Health } from './health.js';
import { Metrics } from './metrics.js';

describe('Health', () => {
  let ready = false;
  const metrics = new Metrics();
  const health = new Health(() => ready, metrics.registry);
  let ports = { tcpPort: 0, httpPort: 0 };
  before(async () => {
    ports = await health.start({ host: '127.0.0.1', tcpPort: 0, httpPort: 0 });
  });
  after(() => health.stop());
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${ports.httpPort}${path}`);
    return [response.status, await response.text()];
  };

  it('accepts and closes over TCP', async () => {
    const socket = connect(ports.tcpPort, '127.0.0.1');
    socket.resume();
    await once(socket, 'close');
    expect(socket.errored).to.equal(null);
  });

  it('is live, and ready only when the worker is', async () => {
    expect(await get('/livez')).to.deep.equal([200, 'live\n']);
    expect(await get('/readyz')).to.deep.equal([503, 'not ready\n']);
    ready = true;
    expect(await get('/readyz')).to.deep.equal([200, 'ready\n']);
  });

  it('shows the metrics', async () => {
    metrics.sent.inc({ flow: 'phw-to-mpi', destination: 'mpi' }, 3);
    const [status, text] = await get('/metrics');
    expect(status).to.equal(200);
    expect(text).to.match(/^ihub_messages_sent_total\{flow="phw-to-mpi",destination="mpi"\} 3$/m);
  });

  it('says what there is when asked for something else', async () => {
    expect(await get('/')).to.deep.equal([404, 'use /livez, /readyz or /metrics\n']);
  });
});
