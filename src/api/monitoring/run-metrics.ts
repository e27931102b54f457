import type { Registry } from 'prom-client';
import type { RunUnderWay } from '../../models/monitoring/run-figures.ts';
import type { DatabaseFigures } from './figures.ts';
import { addCounter, addGauge, type Samples } from './samples.ts';

/** Runs, the queue, and each run that a worker has. What has the label `run` is gone when the run leaves its worker. */
export function addRunMetrics(registry: Registry, { openRuns, queue, underWay, inTrouble }: DatabaseFigures): void {
  addGauge(
    registry,
    'runs',
    'Runs that have not ended, by status, phase and training type',
    openRuns.map(({ status, phase, trainingType, runs }) => [{ status, phase, training_type: trainingType }, runs]),
  );
  addGauge(registry, 'queue_runs', 'Runs that wait for a worker', [[{}, queue.waiting]]);
  addGauge(registry, 'queue_oldest_seconds', 'For how long the first run of the queue has waited', [
    [{}, queue.oldestS],
  ]);
  addGauge(registry, 'dispatch_runs', 'Runs that may begin and have no workflow yet', [[{}, queue.toDispatch]]);
  addGauge(registry, 'dispatch_lag_seconds', 'For how long the oldest of them has had none', [
    [{}, queue.dispatchLagS],
  ]);

  addGauge(
    registry,
    'run_trouble_attempts',
    'How often a run has been tried in vain, since it last went on',
    inTrouble.map(({ id, attempts }) => [{ run: id }, attempts]),
  );
  addGauge(
    registry,
    'run_trouble_since_timestamp_seconds',
    'Since when a run has been tried in vain',
    inTrouble.map(({ id, since }) => [{ run: id }, since]),
  );

  addGauge(
    registry,
    'run_info',
    'A run that a worker has: whose it is, what it does, and where',
    underWay.map((run) => [
      {
        run: run.id,
        job: run.jobId ?? '',
        project: run.projectId ?? '',
        training_type: run.trainingType,
        phase: run.phase,
        worker: run.workerId ?? '',
        host: run.host ?? '',
        device: run.device ?? '',
      },
      1,
    ]),
  );
  for (const [name, help, figureOf] of OF_EACH_RUN)
    addGauge(
      registry,
      `run_${name}`,
      help,
      underWay.map((run): Samples[0] => [{ run: run.id }, figureOf(run)]),
    );
  addCounter(
    registry,
    'run_lease_renewals_total',
    'How often the worker of a run has prolonged its lease',
    underWay.map(({ id, renewals }) => [{ run: id }, renewals]),
  );
}

const OF_EACH_RUN: [name: string, help: string, figureOf: (run: RunUnderWay) => number | null][] = [
  ['progress_ratio', 'How much of a run is done, from 0 to 1', ({ progressPercent }) => progressPercent / 100],
  ['step', 'The last step that its trainer has told', ({ step }) => step],
  ['steps', 'How many steps it has', ({ totalSteps }) => totalSteps],
  ['step_duration_seconds', 'What one of its last steps took', stepSeconds],
  ['loss', 'The loss of its last step', ({ loss }) => loss],
  ['tokens_per_second', 'Tokens that it trains on in a second', ({ tokensPerS }) => tokensPerS],
  [
    'left_seconds',
    'What its trainer expects the rest of its training, or validation, to take',
    (run) => run.secondsLeft,
  ],
  ['attempts', 'How many workers have had it, one after another', ({ attempts }) => attempts],
  [
    'last_progress_timestamp_seconds',
    'When it began, told a step or reached a phase last',
    ({ progressedAt }) => progressedAt,
  ],
  [
    'lease_left_seconds',
    'Until its lease ends, unless its worker prolongs it',
    ({ leaseSecondsLeft }) => leaseSecondsLeft,
  ],
  ['memory_bytes', 'The most that its training has taken, of its GPU or else of its process', (run) => run.memoryBytes],
  [
    'gpu_utilization_ratio',
    'How much of the time its GPU computed, from 0 to 1',
    ({ gpu }) => (gpu?.utilization_percent == null ? null : gpu.utilization_percent / 100),
  ],
  ['gpu_memory_used_bytes', 'What is in use of the memory of its GPU', ({ gpu }) => gpu?.memory_used_bytes ?? null],
  ['gpu_memory_total_bytes', 'The memory of its GPU', ({ gpu }) => gpu?.memory_total_bytes ?? null],
  ['gpu_temperature_celsius', 'How warm its GPU is', ({ gpu }) => gpu?.temperature_c ?? null],
  ['gpu_power_watts', 'What its GPU draws', ({ gpu }) => gpu?.power_w ?? null],
];

/** As its trainer expects the steps that are left; null when none is left, or it does not train now. */
function stepSeconds({ phase, secondsLeft, totalSteps, step }: RunUnderWay): number | null {
  if (phase !== 'training' || secondsLeft === null || totalSteps === null || step >= totalSteps) return null;
  return secondsLeft / (totalSteps - step);
}
