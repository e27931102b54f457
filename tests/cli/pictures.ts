/**
 * `npm run pictures:cli`: takes the pictures of docs/cli.md, of `mtm status` and `mtm run watch` in a real terminal (tmux), while
 * a real service has runs as a person may find them. What the terminal shows is drawn by a Chromium. Needs tmux and pngquant.
 */
import { join } from 'node:path';
import Convert from 'ansi-to-html';
import { execa } from 'execa';
import { BUILT } from '../../src/platform/built-files.ts';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { findChromium, NO_CHROMIUM, startBrowser } from '../support/browser.ts';
import { until } from '../support/service.ts';
import { startShownService } from '../support/shown-runs.ts';

const PICTURES = join(PROJECT_ROOT, 'docs', 'pictures');
const COLUMNS = 112;
const ROWS = 22;
/** A server of its own, which nobody's sessions are in. */
const TMUX = ['-L', `mtm-pictures-${process.pid}`, '-f', '/dev/null'];

const executablePath = await findChromium();
if (executablePath === null) throw new Error(NO_CHROMIUM);

const { service, ids, remove } = await startShownService();
try {
  const server = `env MTM_SERVER=${service.apiUrl} PS1='$ ' sh`;
  await tmux('new-session', '-d', '-x', String(COLUMNS), '-y', String(ROWS), server);
  await tmux('set-option', '-g', 'status', 'off');
  await type(`mtm() { ${process.execPath} ${BUILT.main} "$@"; }; clear`);
  // One that is half-way while it is watched: the others last for hours.
  await service.call('POST', `/jobs/${ids.interrupted}/cancel`);
  const { model_name, dataset_id } = (await service.call('GET', `/jobs/${ids.underWay}`)).body;
  const asked = { name: 'Ticket titles', model_name, dataset_id, batch_size: 2, max_steps: 300, eval_steps: 60 };
  const { id } = (await service.call('POST', '/jobs/', { ...asked, save_steps: 60, max_length: 64 })).body;
  await type(`mtm run watch job-${id}`);
  await draw('cli-watch', await shown(/training {2}step (1[5-9]\d|2\d\d)\/300 .*left {2}held-out/));
  await tmux('send-keys', 'C-c');
  await shown(/Left\. The run goes on/);
  await type('clear; mtm status');
  await draw('cli-status', await shown(/Ended[\s\S]*completed/));
} finally {
  await tmux('kill-server').catch(() => {});
  await remove();
}

async function tmux(...args: string[]): Promise<string> {
  return (await execa('tmux', [...TMUX, ...args])).stdout;
}

async function type(line: string): Promise<void> {
  await tmux('send-keys', line, 'Enter');
}

/** The screen once it shows all of this, with its colours. */
async function shown(...what: RegExp[]): Promise<string> {
  await until(`${what} in the terminal`, async () => {
    const text = await tmux('capture-pane', '-p');
    return what.every((each) => each.test(text)) ? text : null;
  });
  return await tmux('capture-pane', '-e', '-p');
}

async function draw(name: string, screen: string): Promise<void> {
  const html = new Convert({
    fg: '#d8dee9',
    bg: '#1d2430',
    escapeXML: true,
    colors: { 1: '#ff7b72', 2: '#7ee787' },
  }).toHtml(screen.trimEnd());
  const browser = await startBrowser(String(executablePath));
  try {
    const page = await browser.newPage({ viewport: { width: 1_000, height: 600 } });
    await page.setContent(
      `<pre style="display: inline-block; margin: 0; padding: 14px 18px; background: #1d2430; color: #d8dee9;
        font: 14px/1.35 'DejaVu Sans Mono', monospace">${html}</pre>`,
    );
    const path = join(PICTURES, `${name}.png`);
    await page.locator('pre').screenshot({ path });
    await execa('pngquant', ['--force', '--ext', '.png', '--strip', '32', path]);
  } finally {
    await browser.close();
  }
}
