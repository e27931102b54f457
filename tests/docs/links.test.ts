import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { exists } from '../../src/platform/files.ts';

/** Break it by another name for a heading, such as `## Answers` in docs/openai.md, or by a guide that the README does not name. */
describe('links between the documents', () => {
  it('lead to files and headings that exist, and to every guide', async () => {
    const guides = await documentsIn('docs');
    const pages = await documentsIn('docs/architecture');
    const broken: string[] = [];
    for (const document of ['README.md', 'ARCHITECTURE.md', 'trainer/README.md', ...guides, ...pages])
      for (const target of linksOf(await read(document)))
        if (!(await leadsSomewhere(document, target))) broken.push(`${document}: ${target}`);
    assert.deepEqual(broken, []);
    const found = [...linksOf(await read('README.md')), ...linksOf(await read('ARCHITECTURE.md'))];
    assert.deepEqual(
      [...guides, ...pages].filter((page) => !found.includes(page)),
      [],
    );
  });
});

async function documentsIn(folder: string): Promise<string[]> {
  const names = await readdir(join(PROJECT_ROOT, folder));
  return names.filter((name) => name.endsWith('.md')).map((name) => `${folder}/${name}`);
}

/** Those within the project. */
function linksOf(document: string): string[] {
  const targets = [...document.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !target.includes('://'));
}

async function leadsSomewhere(document: string, target: string): Promise<boolean> {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? document : normalize(join(dirname(document), path));
  if (!(await exists(join(PROJECT_ROOT, file)))) return false;
  return heading === undefined || headingsOf(await read(file)).includes(heading);
}

/** Headings as GitHub makes anchors of them. */
function headingsOf(document: string): string[] {
  const titles = [...document.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase());
  return titles.map((title) => title.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
}

function read(document: string): Promise<string> {
  return readFile(join(PROJECT_ROOT, document), 'utf8');
}
