import assert from 'node:assert/strict';
import { access, chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  OutputDirectoryError,
  requireOutputDirectory,
  resolveOutputDirectory,
} from '../../src/outputs/output-directory.ts';

describe('output directories', () => {
  let base: string;
  let root: string;
  let second: string;

  beforeEach(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), 'mtm-test-')));
    root = join(base, 'outputs');
    second = join(base, 'more');
    await mkdir(join(base, 'outputs-not'), { recursive: true });
    await mkdir(join(base, 'elsewhere'));
  });

  afterEach(() => rm(base, { recursive: true, force: true }));

  const resolve = (requested: string) => resolveOutputDirectory(requested, [root, second]);

  async function refused(requested: string, why: RegExp): Promise<void> {
    await assert.rejects(resolve(requested), (error) => {
      assert.ok(error instanceof OutputDirectoryError, String(error));
      assert.match(error.message, why);
      return true;
    });
  }

  it('lie under a root, which is made; a relative one under the first', async () => {
    assert.equal(await resolve('mine'), join(root, 'mine'));
    assert.equal(await resolve('a/b c/ü'), join(root, 'a/b c/ü'));
    assert.equal(await resolve(join(second, 'x')), join(second, 'x'));
    await mkdir(join(root, 'there'));
    assert.equal(await resolve(join(root, 'there')), join(root, 'there'));
  });

  it('never lead out of the roots', async () => {
    await refused('/etc', /outside the allowed directories. Use a directory under/);
    await refused('/', /outside/);
    await refused('../elsewhere', /has ".." in it/);
    await refused(`${root}/a/../../elsewhere`, /has ".." in it/);
    await refused(`${root}-not/x`, /outside/);
    await refused(root, /outside/);
    await refused('.', /outside/);
  });

  it('never lead out by a link, nor through one to nothing', async () => {
    await mkdir(root, { recursive: true });
    await symlink(join(base, 'elsewhere'), join(root, 'link'));
    await refused('link', /outside/);
    await refused('link/deeper', /outside/);
    await symlink(join(base, 'nowhere'), join(root, 'dangling'));
    await refused('dangling/x', /a link to nothing/);
    await mkdir(join(root, 'real'));
    await symlink(join(root, 'real'), join(root, 'inside'));
    assert.equal(await resolve('inside/x'), join(root, 'real/x'), 'a link within the roots is followed');
  });

  it('are plain text, no shell’s', async () => {
    await refused('', /is empty/);
    await refused('  ', /is empty/);
    await refused('a\0b', /control character/);
    await refused('a\nb', /control character/);
    await refused('~/models', /begins with ~/);
    await refused('$HOME/models', /has a \$/);
    await refused('a\\b', /backslash/);
    await refused('%2e%2e%2f', /%-encoded/);
    await refused('x'.repeat(5000), /longer than 4096/);
    assert.equal(await resolve('; rm -rf x'), join(root, '; rm -rf x'), 'no shell ever sees it');
  });

  it('are no URLs', async () => {
    // Take the line about URLs out of src/outputs/output-directory.ts: they become folders of these names.
    for (const url of [
      'http://host/x',
      'HTTPS://host',
      's3://bucket/x',
      'file:/etc',
      'file:x',
      'gs:/x',
      ' http://x',
      'C:/x',
    ])
      await refused(url, /looks like a URL/);
    assert.equal(await resolve('run:1/x'), join(root, 'run:1/x'), 'a colon alone makes no URL');
  });

  it('are there already where that is asked for', async () => {
    // Let requireOutputDirectory (src/outputs/output-directory.ts) be resolveOutputDirectory.
    const requireThere = (requested: string) => requireOutputDirectory(requested, [root, second]);
    await assert.rejects(requireThere('mine'), (error) => {
      assert.ok(error instanceof OutputDirectoryError, String(error));
      assert.match(error.message, /^output_directory "mine" does not exist\. Create .*outputs\/mine; a project/);
      return true;
    });
    await assert.rejects(access(join(root, 'mine')), 'asking makes nothing');
    await mkdir(join(root, 'mine'));
    for (const requested of ['mine', 'mine/', join(root, 'mine')])
      assert.equal(await requireThere(requested), join(root, 'mine'));
    await symlink(join(root, 'mine'), join(root, 'link'));
    assert.equal(await requireThere('link'), join(root, 'mine'));
    await assert.rejects(requireThere('/etc'), /outside the allowed directories/);
    if (process.getuid?.() === 0) return;
    await chmod(join(root, 'mine'), 0o500);
    await assert.rejects(requireThere('mine'), /not writable/);
  });

  it('can be made and written', async () => {
    await mkdir(root, { recursive: true });
    await writeFile(join(root, 'file'), '');
    await refused('file', /is no directory/);
    await refused('file/x', /is no directory/);
    await assert.rejects(resolveOutputDirectory('x', [join(root, 'file', 'root')]), /cannot be made/);
  });
});
