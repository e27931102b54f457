import { useQueries } from '@tanstack/react-query';
import { mixtureQuery } from '../../api/runs.ts';
import type { Basis } from './fair.ts';
import type { Compared } from './use-compared.ts';
import { numberAt, valueAt } from './value-at.ts';

/** What decides whether these runs can be compared fairly. Which rows they have is known once their data is prepared. */
export function useBases(runs: Compared[]): Basis[] {
  const mixtures = useQueries({
    queries: runs.map(({ owner, run }) => ({ ...mixtureQuery(owner, run.number), enabled: run.plan !== null })),
  });
  return runs.map(({ label, run }, index) => {
    const manifest = mixtures[index]?.data?.manifest;
    const hash = (part: 'train' | 'held_out') => {
      const found = valueAt(manifest, part, 'sha256');
      return typeof found === 'string' ? found : null;
    };
    const batch = numberAt(run.spec, 'hyperparameters', 'batch_size');
    const batches = numberAt(run.spec, 'hyperparameters', 'gradient_accumulation');
    return {
      name: label,
      baseModel: String(valueAt(run.spec, 'base_model')),
      revision: run.base_model_revision,
      rowsPerStep: batch === null || batches === null ? null : batch * batches,
      trainRows: hash('train'),
      heldOutRows: hash('held_out'),
      isPrepared: run.plan !== null,
    };
  });
}
