import type { Heads, Version } from '../../commands/versions/list-versions.ts';
import type { Promotion } from '../../models/versions/promotion.ts';
import { date } from '../http/shared-schema.ts';

export function presentVersion({ run, promotions }: Version, { latest, candidate }: Heads) {
  return {
    version: run.number,
    status: statusOf(run.gate?.verdict ?? 'passed', promotions),
    is_latest: run.number === latest,
    is_candidate: run.number === candidate,
    model: `project-${run.project_id}:${run.number}`,
    gate: run.gate,
    verdict: run.validation?.verdict ?? null,
    verdict_summary: run.validation?.summary || null,
    output_path: run.output_path,
    completed_at: date(run.finished_at),
    promotions: promotions.map(presentPromotion),
  };
}

function statusOf(verdict: 'passed' | 'failed' | 'undecided', [last]: Promotion[]) {
  if (last?.how === 'promoted' || last?.how === 'rolled_back') return 'promoted';
  return verdict === 'undecided' ? 'candidate' : verdict;
}

export function presentPromotion({ how, reason, created_at }: Promotion) {
  return { how, reason, at: date(created_at) };
}
