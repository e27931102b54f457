import { findModel } from '../../base-models/find-model.ts';
import { type ModelShape, readModelShape } from '../../base-models/model-shape.ts';
import { DamagedWeightsError } from '../../base-models/safetensors-header.ts';
import { UnknownShape } from '../../base-models/stored-tensors.ts';
import type { Env } from '../../platform/env.ts';

/** The shape of a base model, and the name of its very files; or why there is none. */
export type KnownShape = { shape: ModelShape; model: string } | { reason: string };

/** So long a model is not looked up again: many jobs are asked for with the same one. */
const LOOKED_UP_FOR_MS = 10_000;
const MOST = 64;
const shapes = new Map<string, ModelShape>();
const found = new Map<string, { atMs: number; known: Promise<KnownShape> }>();

/** Reads headers, and those of the same files once. A model that just came is seen within ten seconds. */
export async function knownShape(env: Env, name: string): Promise<KnownShape> {
  const before = found.get(name);
  if (before && performance.now() - before.atMs < LOOKED_UP_FOR_MS) return await before.known;
  const known = lookUp(env, name);
  keep(found, name, { atMs: performance.now(), known });
  known.catch(() => found.delete(name));
  return await known;
}

async function lookUp(env: Env, name: string): Promise<KnownShape> {
  const model = await findModel(env, name);
  if (!model.available) return { reason: model.errors.join(' ') };
  const exact = `${model.resolved_name}@${model.revision}`;
  try {
    const shape = shapes.get(exact) ?? (await readModelShape(model.path));
    keep(shapes, exact, shape);
    return { shape, model: exact };
  } catch (error) {
    if (error instanceof UnknownShape) return { reason: error.message };
    if (error instanceof DamagedWeightsError) return { reason: `A file of its weights ${error.message}.` };
    throw error;
  }
}

function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST && oldest !== undefined) map.delete(oldest);
}
