import { readModelShape } from '../../base-models/model-shape.ts';
import { UnknownShape } from '../../base-models/stored-tensors.ts';
import { figuresOf, kindOf } from '../../estimates/estimate.ts';
import { trainerBytes } from '../../estimates/memory.ts';
import { trainedTokens } from '../../estimates/time.ts';
import type { NewMeasurement } from '../../models/estimates/run-measurement.ts';
import { peakOf, secondsOf } from '../../models/estimates/run-times.ts';
import { longestPossible, trainingOf } from '../../models/estimates/training-of-spec.ts';
import { Host } from '../../models/pool/host.ts';
import { Worker } from '../../models/pool/worker.ts';
import { connection, type Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import type { Env } from '../../platform/env.ts';
import { findPinned } from '../../runs/pinned-model.ts';
import { currentSplit } from './batch-split.ts';

/** What a completed run was computed to take and was measured to; null of an index, and where the model or the host is gone. */
export async function measurementOf(env: Env, run: Run): Promise<NewMeasurement | null> {
  const { spec, plan } = run;
  const [model, split, told, host] = await Promise.all([
    findPinned(env, run),
    currentSplit(run.id),
    RunEvent.findOne({ where: { run_id: run.id, kind: 'plan' }, order: [['seq', 'DESC']] }),
    hostOf(run),
  ]);
  if (!model.available || !plan?.tokens || !told || !host?.memory) return null;
  const shape = await readModelShape(model.path).catch((error: unknown) => {
    if (error instanceof UnknownShape) return null;
    throw error;
  });
  if (!shape) return null;
  const hyperparameters = { ...spec.hyperparameters, ...split };
  const { tokens } = plan;
  const rows = { train: tokens.examples, heldOut: plan.heldOutRows };
  const unknown = longestPossible(spec.training_type, rows, hyperparameters.max_length, shape.context);
  const lengths = { ...unknown, tokens: tokens.perEpoch, longest: tokens.longest ?? unknown.longest };
  const named = String(told.data.device);
  const { cpu, cpu_has_bf16, bytes, gpus } = host.memory;
  const isCpu = named.startsWith('cpu');
  const gpu = gpus.find(({ name }) => named.endsWith(name));
  const of = isCpu
    ? { kind: 'cpu' as const, hasBf16: cpu_has_bf16, memoryBytes: bytes }
    : { kind: 'cuda' as const, hasBf16: gpu?.has_bf16 ?? true, memoryBytes: gpu?.bytes ?? null };
  // Several GPUs are called `2 x` and their name.
  const processes = Number(/^(\d+) x /.exec(named)?.[1] ?? 1);
  const device = { ...of, threads: spec.threads, processes };
  const training = trainingOf({ ...spec, hyperparameters }, { shape, lengths, device });
  if (!training) return null;
  const estimated = {
    training,
    epochs: hyperparameters.epochs,
    deviceName: isCpu ? cpu : named,
    model: `${model.resolved_name}@${model.revision}`,
  };
  return await connection().transaction(async (transaction) => {
    const peak = await peakOf(run.id, transaction);
    return {
      run_id: run.id,
      ...kindOf(estimated),
      trainable_parameters: Number(told.data.trainable_parameters),
      steps: run.result?.final_step ?? training.steps,
      tokens: trainedTokens(training, hyperparameters.epochs),
      computed: figuresOf(estimated),
      measured: {
        // What a GPU's tensors take is reported without CUDA's own.
        memory_bytes: peak === null ? null : peak + (isCpu ? 0 : trainerBytes('cuda')),
        seconds: await secondsOf(run.id, transaction),
      },
    };
  });
}

/** Where it was trained, the last time that a worker claimed it for that. */
async function hostOf({ id }: Run): Promise<Host | null> {
  const changes = await RunEvent.findAll({ where: { run_id: id, kind: 'status' }, order: [['seq', 'DESC']] });
  const claimed = changes.find(({ data }) => data.status === 'running' && data.phase === 'loading');
  const worker = claimed ? await Worker.findByPk(String(claimed.data.worker_id)) : null;
  return worker && (await Host.findByPk(worker.host));
}
