import type { Env } from '../platform/env.ts';
import { BundleReaders } from '../retrieval/bundle-readers.ts';
import { ServedModels } from '../serving/served-models.ts';
import { KEPT_IDLE_MS, WarmPython } from '../trainer/warm-python.ts';

/** What answers from memory, as copies of one process that has the libraries loaded. Nothing is started before it is asked for. */
export function modelsInMemory({ warmTrainers, servingModels }: Env, log: (sentence: string) => void) {
  const warm = new WarmPython({ libraries: 'answers', isOn: warmTrainers, idleMs: KEPT_IDLE_MS, log });
  const bundles = new BundleReaders(warm);
  const models = new ServedModels(warm, { most: servingModels });
  const close = async () => {
    bundles.close();
    await models.close();
    await warm.close();
  };
  return { bundles, models, close };
}
