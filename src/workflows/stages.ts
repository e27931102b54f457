import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { searchAttributeKeys } from '../../temporal/search-attributes.ts';

/** The stages of a run, in their order. */
export const STAGES = ['prepare', 'verify', 'queue', 'train', 'validate', 'finish'] as const;
export type Stage = (typeof STAGES)[number];

/** The status of a run in each, as the API has it. */
const STATUS: Record<Stage, string> = {
  prepare: 'pending',
  verify: 'pending',
  queue: 'queued',
  train: 'running',
  validate: 'running',
  finish: 'running',
};

/** What goes on in each, and where a person sees more of it. */
const UNDER_WAY: Record<Stage, string> = {
  prepare: 'mixing the datasets into training and held-out rows',
  verify: 'looking for the base model on this machine',
  queue: 'waiting for its turn and a training worker',
  train: 'training; step, loss and time left are with the heartbeat of the pending activity `trainModel`',
  validate: 'loading the model, and comparing it with its base on held-out rows',
  finish: 'publishing the model and writing how the run ended',
};

/**
 * What the Temporal Web UI shows of a run at a glance: a table of its stages as the current details, and the status as a search
 * attribute. It changes with the stage and nothing else, so that a run of weeks has no longer a history than one of minutes.
 */
export class Stages {
  readonly #done = new Map<Stage, string>();
  #stage: Stage | null = null;
  #sinceMs = 0;
  #paused: string | null = null;
  /** Of the search attribute. */
  #status = 'pending';

  begin(stage: Stage): void {
    this.#end();
    this.#stage = stage;
    this.#sinceMs = Date.now();
    this.#show();
  }

  /** What came of the stage that is under way. */
  tell(outcome: string): void {
    if (this.#stage) this.#done.set(this.#stage, outcome);
  }

  pause(reason: string): void {
    this.#paused = reason;
    this.#show();
  }

  resume(): void {
    this.#paused = null;
    this.#show();
  }

  /** The run has ended: `sentence` says how, for a person. */
  end(status: string, sentence: string): void {
    this.#end();
    if (this.#stage && status !== 'completed') this.#done.set(this.#stage, `${status} here`);
    this.#stage = null;
    this.#paused = null;
    this.#show({ status, sentence });
  }

  #end(): void {
    if (!this.#stage) return;
    const took = lasted(Date.now() - this.#sinceMs);
    this.#done.set(this.#stage, [this.#done.get(this.#stage), took].filter(Boolean).join(', '));
  }

  #show(ended?: { status: string; sentence: string }): void {
    const status = ended?.status ?? (this.#paused === null && this.#stage ? STATUS[this.#stage] : 'queued');
    const place =
      this.#stage === null ? '' : ` · stage ${STAGES.indexOf(this.#stage) + 1} of ${STAGES.length}: ${this.#stage}`;
    const rows = STAGES.map((stage) => {
      const isNow = stage === this.#stage;
      const since = `${UNDER_WAY[stage]}, since ${new Date(this.#sinceMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
      return `| ${isNow ? `**${stage}**` : stage} | ${isNow ? since : (this.#done.get(stage) ?? '')} |`;
    });
    const paused = this.#paused === null ? [] : [`**Paused.** ${this.#paused}`, ''];
    const head = `**${this.#paused === null ? status : 'paused'}**${place}`;
    setCurrentDetails(
      [head, '', ...paused, ...(ended?.sentence ? [ended.sentence, ''] : []), '| stage | |', '|---|---|', ...rows].join(
        '\n',
      ),
    );
    if (status === this.#status) return;
    this.#status = status;
    upsertSearchAttributes([{ key: searchAttributeKeys.status, value: status }]);
  }
}

/** `42 s`, `3.5 min`, `7.2 h`. */
function lasted(ms: number): string {
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}
