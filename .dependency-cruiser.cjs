/**
 * The allowed arrows between the folders of src/, written down once: `npm run lint` holds the sources to it. From top to bottom, each
 * may use what stands below it. ARCHITECTURE.md says what each is for.
 */
const LAYERS = [
  ['processes'],
  ['cli'],
  ['api'],
  ['commands'],
  ['activities'],
  ['workflows', 'models'],
  ['runs'],
  ['datasets'],
  ['estimates'],
  ['base-models', 'outputs', 'retrieval', 'serving'],
  ['trainer'],
  ['platform'],
];

/** Beyond the order: an API answers from rows and by commands, and what a workflow's sandbox does not need stays out of it. */
const NEVER = [
  { from: 'api', to: 'activities', why: 'an endpoint calls a command, which starts a workflow' },
  { from: 'workflows', to: 'models', why: 'a workflow runs in a sandbox: its activities read and write rows' },
  { from: 'models', to: 'workflows', why: 'rows know nothing of Temporal' },
];

/** Of the page: a screen is made of parts, both read by api, and no screen knows another. */
const PAGE = [
  { from: '^web/src/(parts|api)/', to: '^web/src/(screens/|screens\\.tsx|app\\.tsx)' },
  { from: '^web/src/api/', to: '^web/src/parts/' },
  { from: '^web/src/screens/([^/]+)/', to: '^web/src/screens/(?!$1/)' },
  { from: '^web/', to: '^src/' },
  { from: '^src/', to: '^web/' },
];

/** The command line is a client like any other: it speaks HTTP, and has nothing of the service but settings and where it runs. */
const CLIENT = { from: '^src/cli/', to: '^src/(?!cli/|platform/)' };

const folder = (names) => `^src/(${names.join('|')})/`;

module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    ...LAYERS.slice(1).map((names, index) => ({
      name: `no-arrow-up-from-${names.join('-')}`,
      severity: 'error',
      from: { path: folder(names) },
      to: { path: folder(LAYERS.slice(0, index + 1).flat()) },
    })),
    ...PAGE.map(({ from, to }, index) => ({
      name: `page-${index + 1}`,
      severity: 'error',
      from: { path: from },
      to: { path: to },
    })),
    { name: 'cli-speaks-http-alone', severity: 'error', from: { path: CLIENT.from }, to: { path: CLIENT.to } },
    ...NEVER.map(({ from, to, why }) => ({
      name: `${from}-without-${to}`,
      comment: why,
      severity: 'error',
      from: { path: folder([from]) },
      to: { path: folder([to]) },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
