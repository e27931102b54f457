import { findIndexModel } from '../../base-models/embedding-model.ts';
import { findModel } from '../../base-models/find-model.ts';
import { indexOf } from '../../estimates/indexing.ts';
import type { RunSpec } from '../../models/runs/run-spec.ts';
import type { Env } from '../../platform/env.ts';
import { type PlannedDevice, plannedDevices } from './devices.ts';
import { knownShape } from './known-shapes.ts';
import { gb, nameOf } from './problems.ts';

const LEARNS_NOTHING = 'An index is made by reading, and learns nothing.';
const NOT_TOLD = 'How many chunks there are, and how long it takes, is known once the run has made them.';

/** In place of an estimate of a run of the type rag: what its models take, and what is not known yet. */
export async function sentenceOfIndex(
  env: Env,
  asked: Pick<RunSpec, 'training_type' | 'base_model' | 'embedding_model'>,
): Promise<string> {
  const base = await findModel(env, asked.base_model);
  const apart = await findIndexModel(env, asked, base);
  const maker = apart ?? base;
  if (!maker.available) return notKnown(maker.errors.join(' '));
  const embedder = await knownShape(env, maker.model_name);
  if ('reason' in embedder) return notKnown(embedder.reason);
  const answerer = apart === null ? null : await knownShape(env, asked.base_model);
  if (answerer !== null && 'reason' in answerer) return notKnown(answerer.reason);
  const [device] = await plannedDevices();
  const { memoryBytes, parts, ofChunk } = indexOf(
    { embedder: embedder.shape, answerer: answerer?.shape ?? null },
    device?.kind ?? 'cpu',
  );
  const answers =
    answerer === null
      ? ''
      : `, and ${gb(parts.answerer)} for ${asked.base_model}, which answers when the index is validated`;
  return [
    LEARNS_NOTHING,
    `It takes at least ${gb(memoryBytes)} of memory: ${gb(parts.trainer)} for the trainer, ${gb(parts.embedder)} for ${maker.model_name}, which makes it${answers}.`,
    ...tooLarge(memoryBytes, device),
    `Each chunk takes ${ofChunk.memory / 1e3} kB of it, and ${ofChunk.disk / 1e3} kB of the disk beside its text.`,
    NOT_TOLD,
  ].join(' ');
}

function notKnown(reason: string): string {
  return `${LEARNS_NOTHING} What it takes is not known: ${reason}`;
}

function tooLarge(bytes: number, device: PlannedDevice | undefined): string[] {
  if (!device || bytes <= device.memoryBytes) return [];
  return [`That would not fit: ${nameOf(device)} has ${gb(device.memoryBytes)}.`];
}
