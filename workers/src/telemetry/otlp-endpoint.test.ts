import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { TestAuthority } from '../../../hl7/dist/mllp/test-authority.js';
import { createLog } from '../log.js';
import { OtlpEndpoint } from './otlp-endpoint.js';

describe('An https endpoint of telemetry', () => {
  const [first, second] = [new TestAuthority(), new TestAuthority()];
  let folder: string;
  let server: Server;
  let endpoint: OtlpEndpoint;
  let taken: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ihub-endpoint-'));
    taken = [];
    server = createServer(first.issue('localhost'), (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => (text += part));
      request.on('end', () => {
        taken.push([request.url, request.headers['x-tenant'], text].join(' '));
        response.writeHead(text === 'too much' ? 413 : 200).end();
      });
    }).listen(0);
    await once(server, 'listening');
    await writeFile(join(folder, 'ca.crt'), first.ca);
    await writeFile(join(folder, 'headers'), 'x-tenant=a');
    const { port } = server.address() as AddressInfo;
    const files = { headersFile: join(folder, 'headers'), caFile: join(folder, 'ca.crt') };
    endpoint = new OtlpEndpoint({ endpoint: `https://localhost:${port}`, ...files }, createLog('error', {}));
  });
  afterEach(async () => {
    endpoint.agent.destroy();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const post = (text: string): Promise<unknown> =>
    endpoint.post('/v1/traces', [Buffer.from(text)]).then(
      () => 'taken in',
      (error: unknown) => (error as { code?: unknown }).code,
    );

  it('is trusted by the authority of a file; both files may change while the process runs', async () => {
    expect(await post('one')).to.equal('taken in');
    await writeFile(join(folder, 'headers'), 'x-tenant=b');
    server.setSecureContext(second.issue('localhost'));
    server.closeAllConnections();
    expect(await post('two')).to.match(/CERT|SIGNATURE|ECONNRESET/);
    expect(await post('two')).to.match(/CERT|SIGNATURE/);
    await writeFile(join(folder, 'ca.crt'), second.ca);
    expect(await post('three')).to.equal('taken in');
    expect(taken).to.deep.equal(['/v1/traces a one', '/v1/traces b three']);
  });

  it('fails with what it answered, and with the file that is missing', async () => {
    expect(await post('too much')).to.equal(413);
    server.closeAllConnections();
    await rm(join(folder, 'ca.crt'));
    const codes = [await post('one'), await post('one')];
    expect(codes.at(-1)).to.equal('ENOENT');
  });
});
