import { join } from 'node:path';
import { PROJECT_ROOT } from './project-root.ts';

const DIST = join(PROJECT_ROOT, 'dist');

/** What processes are started from; bin/build.mjs makes it. */
export const BUILT = {
  /** The commands of `mtm`. */
  main: join(DIST, 'main.js'),
  /** The OpenAPI document of these sources, from which the command line has its options. */
  openapi: join(DIST, 'openapi.json'),
  dataProcess: join(DIST, 'data-process-main.js'),
  /** The folder of the page's files. */
  page: join(DIST, 'web'),
  /** The workflows, bundled for Temporal's sandbox. */
  workflows: join(DIST, 'workflows.js'),
} as const;
