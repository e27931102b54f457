import type { Orchestration } from '../../commands/workflows/client.ts';
import { OPEN_SWEEPS, Sweep } from '../../models/sweeps/sweep.ts';
import { RowDispatcher } from './row-dispatcher.ts';

/** Each sweep that has not ended has a workflow. */
export function sweepDispatcher(orchestration: Orchestration): RowDispatcher<Sweep> {
  return new RowDispatcher({
    find: () => Sweep.findAll({ where: { status: OPEN_SWEEPS }, order: [['id', 'ASC']] }),
    isUnheard: () => false,
    start: (sweep) => orchestration.startSweep(sweep),
    noteStart: ({ id }) =>
      Sweep.update({ workflow_started_at: new Date() }, { where: { id, workflow_started_at: null }, silent: true }),
  });
}
