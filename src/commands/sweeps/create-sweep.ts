import { join } from 'node:path';
import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import type { SweepSettings } from '../../models/sweeps/search.ts';
import { kindOf, Sweep } from '../../models/sweeps/sweep.ts';
import type { Env } from '../../platform/env.ts';
import { PAUSE_FOR_TURN } from '../../workflows/contract.ts';
import { createJob } from '../jobs/create-job.ts';
import { createProject } from '../projects/create-project.ts';
import { startProject } from '../projects/start-project.ts';
import type { NewSweep } from './new-sweep.ts';
import { namingCombination, type SweptRun, sweptOf } from './swept.ts';

/**
 * Adds a sweep with a job, or a project, for each combination, all or nothing. Their runs wait, each as a row, until the sweep lets them
 * go on.
 * @throws UserError that names the field, or the combination which no job or project may have
 */
export async function createSweep(asked: NewSweep, env: Env, transaction: Transaction): Promise<Sweep> {
  const { name, description = null, search, early_stop = null, max_concurrent_runs } = asked;
  const { base, runs, duplicatesDropped } = sweptOf(asked);
  const sweep = await Sweep.create(
    {
      name,
      description,
      spec: { ...base, search, early_stop, max_concurrent_runs },
      duplicates_dropped: duplicatesDropped,
    },
    { transaction },
  );
  const add = async (run: SweptRun, index: number): Promise<number> => {
    if (run.kind === 'job') return (await createJob(run.body, env, transaction)).id;
    // Of this sweep alone: models of another one may lie beside them.
    const output_directory = join(asked.project?.output_directory ?? '', `sweep-${sweep.id}`, `${index + 1}`);
    const { force, download, priority, not_before, after, ...body } = run.body;
    const { id } = await createProject({ ...body, output_directory }, env, transaction);
    await startProject(id, { fresh: true, force, download, priority, not_before, after }, env, transaction);
    return id;
  };
  const added: { owner_id: number; settings: SweepSettings }[] = [];
  for (const [index, run] of runs.entries()) {
    const owner_id = await namingCombination(index, run, () => add(run, index));
    added.push({ owner_id, settings: run.settings });
  }
  await makeRunsOf(sweep, added, transaction);
  return sweep;
}

/** Before anybody sees them: their runs are let go on by the sweep alone, up to its first rung. */
async function makeRunsOf(
  sweep: Sweep,
  added: { owner_id: number; settings: SweepSettings }[],
  transaction: Transaction,
): Promise<void> {
  const kind = kindOf(sweep);
  await connection().query(
    `WITH asked AS (SELECT *, (row_number() OVER (ORDER BY owner_id))::int AS nr FROM jsonb_to_recordset($added::jsonb) AS asked (owner_id int, settings jsonb)), held AS (
       -- They share their turns: whoever is asked for next does not wait behind all of them.
       UPDATE runs SET pause_reason = $reason, phase = 'paused', hold_step = $holdStep::int, turn_of = 'sweep-' || $id::int, turn = turn + asked.nr - 1
       FROM asked WHERE runs.${kind}_id = asked.owner_id
     )
     UPDATE ${kind}s AS owner SET sweep_id = $id, sweep_settings = asked.settings FROM asked WHERE owner.id = asked.owner_id`,
    {
      bind: {
        id: sweep.id,
        added: JSON.stringify(added),
        reason: PAUSE_FOR_TURN,
        holdStep: added.length > 1 ? (sweep.spec.early_stop?.rungs[0] ?? null) : null,
      },
      type: QueryTypes.UPDATE,
      transaction,
    },
  );
}
