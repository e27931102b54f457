import type { Env } from '../../platform/env.ts';
import { noteService } from '../../platform/service-file.ts';
import { startService } from './start.ts';

/** `npm start`: runs the service until Ctrl-C, and says where each part is. A second Ctrl-C ends at once. */
export async function main(env: Env): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  const starting = startService(env, (line) => console.log(line));
  const first = await Promise.race([starting, asked]);
  if (!first) {
    console.log('\nStopping…');
    await starting.then(
      (service) => service.stop(),
      () => {},
    );
    process.exit(0);
  }
  const { apiUrl, temporalUiUrl } = first;
  const note = await noteService(env.home, { url: apiUrl, temporal_ui_url: temporalUiUrl });
  const database = new URL(first.databaseUrl);
  database.password = '';
  console.log(`
Model Training Manager is running. Ctrl-C ends it; runs go on at the next start.

  Page         ${first.apiUrl}
  API          ${first.apiUrl}/api/v1, described at ${first.apiUrl}/docs
  Temporal UI  ${first.temporalUiUrl ?? `(with the server at ${first.temporalAddress})`}
  PostgreSQL   ${database.href}
  Files        ${env.home}
  Logs         ${env.home}/logs
`);
  await asked;
  console.log('\nStopping…');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  // First: whoever asks hears that it ends, rather than being sent to an address that closes.
  await note.remove();
  await first.stop();
  console.log('Stopped.');
  process.exit(0);
}
