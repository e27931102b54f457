import type { Transaction } from 'sequelize';
import type { GateResult } from '../../trainer/gate-result.ts';
import { Project } from '../projects/project.ts';
import type { Run } from '../runs/run.ts';
import { RunEvent } from '../runs/run-event.ts';
import { Promotion, type PromotionWay } from './promotion.ts';
import { latestPromotion } from './served-run.ts';

/** Keeps the versions of a project as they are until the end of the transaction. To be called before a row of its runs is locked. */
export async function lockVersions(projectId: number, transaction: Transaction): Promise<void> {
  await Project.findByPk(projectId, { attributes: ['id'], lock: true, transaction });
}

/**
 * Decides whether a run that completes in this transaction becomes the latest version of its project, and says so in an event where
 * there is a gate. The validation has held the model against that already; what was the latest then must still be.
 */
export async function settle(run: Run, projectId: number, transaction: Transaction): Promise<void> {
  const latest = await latestPromotion(projectId, transaction);
  const gate = run.gate && asOfNow(run.gate, latest?.run?.number ?? null);
  if (gate !== run.gate) await run.update({ gate }, { transaction });
  const isPromoted = gate === null || gate.verdict === 'passed';
  if (isPromoted)
    await addPromotion(run, latest, { how: gate === null ? 'completed' : 'passed', reason: null }, transaction);
  if (gate === null) return;
  const { verdict, summary } = gate;
  const message = isPromoted ? `Promoted: the gate let it pass. ${summary}` : `Not promoted, because: ${summary}`;
  const data = { verdict, promoted: isPromoted, message };
  await RunEvent.create({ run_id: run.id, kind: 'gate', data }, { transaction });
}

/** Adds to the history of a project that a run is its latest version now. @param returnsTo what a roll back makes the latest again */
export async function addPromotion(
  { id: run_id, project_id }: Run,
  returnsTo: Pick<Promotion, 'id'> | null,
  { how, reason }: { how: PromotionWay; reason: string | null },
  transaction: Transaction,
): Promise<Promotion> {
  if (project_id === null) throw new Error(`Run ${run_id} is of no project, and has no versions.`);
  const row = { project_id, run_id, how, reason, returns_to_id: returnsTo?.id ?? null };
  return await Promotion.create(row, { transaction });
}

/** What was found, unless it rests on a comparison with a version that is not the latest any more. */
function asOfNow(gate: GateResult, latest: number | null): GateResult {
  const isHeldAgainstIt = gate.conditions.some(({ against }) => against === 'current');
  if (gate.verdict === 'failed' || !isHeldAgainstIt || gate.current_version === latest) return gate;
  const [then, now] = [gate.current_version, latest].map((version) => (version === null ? 'none' : `run ${version}`));
  const summary = `The latest version was ${then} when it was validated, and is ${now} now, which it was not held against. Promote it by hand, or train again. ${gate.summary}`;
  return { ...gate, verdict: 'undecided', summary };
}
