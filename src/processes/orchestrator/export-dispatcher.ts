import type { Orchestration } from '../../commands/workflows/client.ts';
import { Export } from '../../models/exports/export.ts';
import { openExports } from '../../models/exports/export-transitions.ts';
import { Host } from '../../models/pool/host.ts';
import { RowDispatcher } from './row-dispatcher.ts';

const MOST_AT_ONCE = 100;

/** Each export that is to be made has a workflow, on a host that is there and has its files; while there is none they wait. */
export function exportDispatcher(orchestration: Orchestration): RowDispatcher<Export> {
  let hosts: string[] = [];
  return new RowDispatcher({
    find: async () => {
      const open = await openExports(MOST_AT_ONCE);
      if (open.length === 0) return [];
      // The model lies in the orchestrator's folder.
      hosts = (await Host.present()).flatMap(({ name, is_apart }) => (is_apart ? [] : [name])).sort();
      return hosts.length > 0 ? open : [];
    },
    isUnheard: ({ status }) => status === 'pending',
    // By its id: several hosts share the work.
    start: (wanted) => orchestration.startExport(wanted, hosts[wanted.id % hosts.length] ?? ''),
    noteStart: ({ id }) =>
      Export.update({ workflow_started_at: new Date() }, { where: { id, workflow_started_at: null }, silent: true }),
  });
}
