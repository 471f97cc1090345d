import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { ClusterError } from './cluster-error.js';
import { packHubImage } from './hub-image.js';
import { packImage } from './image.js';

const run = promisify(execFile);

describe('images without a daemon', function () {
  this.timeout(600_000);

  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ihub-image-test-'));
  });
  after(() => rm(directory, { recursive: true }));

  /** A folder with two files, made in either order, at different times and with different permissions. */
  async function folder(
    name: string,
    { reversed, mode }: { reversed: boolean; mode: number },
  ): Promise<string> {
    const root = join(directory, name);
    await mkdir(root);
    for (const file of reversed ? ['b', 'a'] : ['a', 'b']) {
      await writeFile(join(root, file), file);
      await chmod(join(root, file), mode);
      await utimes(join(root, file), mode, mode);
    }
    return root;
  }

  it('are the same bytes whenever and by whomever they are packed', async () => {
    const first = await folder('first', { reversed: false, mode: 0o600 });
    const second = await folder('second', { reversed: true, mode: 0o664 });
    await packImage('localhost/test:1', first, { Entrypoint: ['/a'] }, join(directory, 'first.tar'));
    await packImage('localhost/test:1', second, { Entrypoint: ['/a'] }, join(directory, 'second.tar'));
    const bytes = await readFile(join(directory, 'first.tar'));
    expect(bytes.equals(await readFile(join(directory, 'second.tar')))).to.equal(true);

    await writeFile(join(second, 'a'), 'changed');
    await packImage('localhost/test:1', second, { Entrypoint: ['/a'] }, join(directory, 'second.tar'));
    expect(bytes.equals(await readFile(join(directory, 'second.tar')))).to.equal(false);
  });

  it('say what they are in the way of docker save', async () => {
    const { stdout } = await run('tar', ['-xOf', join(directory, 'first.tar'), 'manifest.json']);
    const [manifest] = JSON.parse(stdout) as [{ Config: string; RepoTags: string[]; Layers: string[] }];
    expect(manifest.RepoTags).to.deep.equal(['localhost/test:1']);
    expect(manifest.Layers).to.deep.equal(['layer.tar']);
    const config = await run('tar', ['-xOf', join(directory, 'first.tar'), manifest.Config]);
    expect(JSON.parse(config.stdout)).to.deep.include({ os: 'linux', config: { Entrypoint: ['/a'] } });
  });

  it('are not packed of what is not there', async () => {
    const archive = join(directory, 'none.tar');
    const error = await packImage('x', join(directory, 'none'), { Entrypoint: [] }, archive).then(
      () => expect.fail('should not have been packed'),
      (failure: unknown) => failure as ClusterError,
    );
    expect(error.code).to.equal('IMAGE_FAILED');
  });

  it('hold the workers and the operator, the same bytes twice', async () => {
    const [once, again] = [join(directory, 'once.tar'), join(directory, 'again.tar')];
    await packHubImage(once);
    await packHubImage(again);
    await run('cmp', [once, again]);

    await run('tar', ['-xf', once, '-C', directory, 'layer.tar']);
    const { stdout } = await run('tar', ['-tf', join(directory, 'layer.tar')], { maxBuffer: 64 << 20 });
    const files = stdout.split('\n');
    expect(files).to.include.members([
      './usr/local/bin/node',
      './app/workers/bin/ihub-worker.js',
      './app/operator/bin/ihub-operator.js',
      './app/cli/bin/ihub.js',
      './app/node_modules/@integration-hub/api',
      './app/node_modules/kafkajs/package.json',
      './app/schemas/phw/',
      './app/mappings/phw/',
    ]);
    expect(files.filter((file) => /\.test\.js$|node_modules\/(mocha|typescript)\//.test(file))).to.deep.equal(
      [],
    );
  });
});
