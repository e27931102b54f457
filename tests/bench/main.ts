/** `npm run bench -- NAME`: measures the running service on this machine, and prints what it saw. */
const BENCHES: Record<string, (args: string[]) => Promise<void>> = {
  api: async (args) => (await import('./api/main.ts')).main(args),
  data: async (args) => (await import('./data/main.ts')).main(args),
  trainer: async (args) => (await import('./trainer/main.ts')).main(args),
  preferences: async (args) => (await import('./preferences/main.ts')).main(args),
  models: async (args) => (await import('./models.ts')).main(args),
  readers: async () => (await import('./readers/main.ts')).main(),
  tokenising: async (args) => (await import('./tokenising/main.ts')).main(args),
  export: async (args) => (await import('./export/main.ts')).main(args),
  gpu: async (args) => (await import('./gpu/main.ts')).main(args),
  memory: async () => (await import('./memory/main.ts')).main(),
  upload: async (args) => (await import('./upload.ts')).main(args),
  pool: async (args) => (await import('./pool.ts')).main(args),
  queue: async (args) => (await import('./queue/main.ts')).main(args),
  year: async (args) => (await import('./year/main.ts')).main(args),
  metrics: async (args) => (await import('./metrics.ts')).main(args),
  start: async (args) => (await import('./start/main.ts')).main(args),
  page: async (args) => (await import('./page/main.ts')).main(args),
  clients: async (args) => (await import('./clients/main.ts')).main(args),
  serve: async (args) => (await import('./serve/main.ts')).main(args),
  estimate: async (args) => (await import('./estimate/main.ts')).main(args),
  overhead: async (args) => (await import('./overhead.ts')).main(args),
};

const bench = BENCHES[process.argv[2] ?? ''];
if (!bench) {
  console.error(`Usage: npm run bench -- <${Object.keys(BENCHES).join(' | ')}>`);
  process.exit(2);
}
await bench(process.argv.slice(3));
