import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { TestAuthority } from '../../hl7/dist/mllp/test-authority.js';
import { ClusterApi } from './cluster-api.js';

const subject = { kind: 'IntegrationFlow', name: 'phw' } as const;
const place = '/apis/integrationhub.dev/v1alpha1/namespaces/hospital/integrationflows/phw';

describe('The console at the API server', () => {
  const authority = new TestAuthority();
  let folder: string;
  let server: Server;
  let environment: NodeJS.ProcessEnv;
  let answer: (request: IncomingMessage, response: ServerResponse) => unknown;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ihub-account-'));
    await writeFile(join(folder, 'ca.crt'), authority.ca);
    await writeFile(join(folder, 'token'), 'first\n');
    server = createServer(authority.issue('kubernetes', { names: 'IP:127.0.0.1' }), (...exchange) => {
      answer(...exchange);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    environment = {
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String((server.address() as AddressInfo).port),
      IHUB_SERVICE_ACCOUNT: folder,
    };
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('reads a resource by the token that is in the folder now', async () => {
    const seen: unknown[] = [];
    answer = ({ method, url, headers }, response) => {
      seen.push([method, url, headers.authorization]);
      response.end('{"kind":"IntegrationFlow"}');
    };
    const api = new ClusterApi('hospital', environment);
    expect(await api.read(subject)).to.deep.equal({ kind: 'IntegrationFlow' });
    await writeFile(join(folder, 'token'), 'second');
    await api.read(subject);
    expect(seen).to.deep.equal([
      ['GET', place, 'Bearer first'],
      ['GET', place, 'Bearer second'],
    ]);
  });

  it('applies a patch as its own field manager', async () => {
    const seen: unknown[] = [];
    answer = async (request, response) => {
      const { method, url, headers } = request;
      seen.push(method, url, headers['content-type'], await text(request));
      response.end('{}');
    };
    await new ClusterApi('hospital', environment).apply(subject, { metadata: { name: 'phw' } });
    expect(seen).to.deep.equal([
      'PATCH',
      `${place}?fieldManager=integration-hub-alert-override&force=true`,
      'application/apply-patch+yaml',
      '{"metadata":{"name":"phw"}}',
    ]);
  });

  it('tells the status with which it is refused', async () => {
    answer = (_request, response) => response.writeHead(403).end('{"message":"no"}');
    const failure = await failureOf(new ClusterApi('hospital', environment).read(subject));
    expect(failure).to.include({ code: 'CLUSTER_API', status: 403 });
  });

  it('waits neither for an answer that does not come, nor for the rest of one', async () => {
    const api = new ClusterApi('hospital', environment, 300);
    answer = () => undefined;
    expect(await failureOf(api.read(subject))).to.be.an('error');
    answer = (_request, response) => response.write('{"kind":');
    expect(await failureOf(api.read(subject))).to.be.an('error');
  });

  it('speaks with the cluster’s own server only, and in a pod only', async () => {
    answer = () => expect.fail('it was asked');
    await writeFile(join(folder, 'ca.crt'), new TestAuthority('another').ca);
    const failure = await failureOf(new ClusterApi('hospital', environment).read(subject));
    expect((failure as NodeJS.ErrnoException).code).to.match(/CERT|SIGNATURE/);
    const outside = await failureOf(new ClusterApi('hospital', {}).read(subject));
    expect(outside)
      .to.have.property('message')
      .that.matches(/KUBERNETES_SERVICE_HOST/);
  });
});
