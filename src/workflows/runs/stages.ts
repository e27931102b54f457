import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { searchAttributeKeys } from '../../../temporal/search-attributes.ts';
import { duration } from '../../platform/duration.ts';

/** The stages of a run, in their order. A download is one of them only where there is one: after it, the model is verified. */
export const STAGES = ['prepare', 'download', 'verify', 'queue', 'train', 'validate', 'finish'] as const;
export type Stage = (typeof STAGES)[number];

/** The status of a run in each, as the API has it; there a paused one is queued, or pending. */
const STATUS: Record<Stage, string> = {
  prepare: 'pending',
  download: 'pending',
  verify: 'pending',
  queue: 'queued',
  train: 'running',
  validate: 'running',
  finish: 'running',
};

/** What goes on in each, and where a person sees more of it. */
const UNDER_WAY: Record<Stage, string> = {
  prepare: 'mixing the datasets into training and held-out rows',
  download: 'the base model comes in; how far it is stands in the run, and in the workflow of the download',
  verify: 'looking for the base model on this machine',
  queue: 'waiting for its turn and a training worker',
  train: 'training; step, loss and time left are under Pending Activities',
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
  /** Since when the stage is under way, or paused. */
  #changedMs = 0;
  #paused: string | null = null;
  /** Of the search attribute. */
  #status = 'pending';

  begin(stage: Stage): void {
    this.#end();
    this.#stage = stage;
    this.#sinceMs = this.#changedMs = Date.now();
    this.#show();
  }

  /** What came of the stage that is under way. */
  tell(outcome: string): void {
    if (this.#stage) this.#done.set(this.#stage, outcome);
  }

  pause(reason: string): void {
    this.#paused = reason;
    this.#changedMs = Date.now();
    this.#show();
  }

  resume(): void {
    this.#paused = null;
    this.#changedMs = Date.now();
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
    const took = duration(Date.now() - this.#sinceMs);
    this.#done.set(this.#stage, [this.#done.get(this.#stage), took].filter(Boolean).join(', '));
  }

  #show(ended?: { status: string; sentence: string }): void {
    const status = ended?.status ?? (this.#paused === null ? STATUS[this.#stage ?? 'prepare'] : 'paused');
    const stages = STAGES.filter((stage) => stage !== 'download' || stage === this.#stage || this.#done.has(stage));
    const place =
      this.#stage === null ? '' : ` · stage ${stages.indexOf(this.#stage) + 1} of ${stages.length}: ${this.#stage}`;
    const rows = stages.map((stage) => {
      const isNow = stage === this.#stage;
      const now = `since ${minuteOf(this.#changedMs)}: ${this.#paused === null ? UNDER_WAY[stage] : 'paused'}`;
      // The Web UI leaves no space between columns.
      return `| ${isNow ? `**${stage}:**` : `${stage}:`} | ${isNow ? now : (this.#done.get(stage) ?? '')} |`;
    });
    const paused = this.#paused === null ? [] : [`**Paused.** ${this.#paused}`, ''];
    const head = `**${status}**${place}`;
    setCurrentDetails(
      [
        head,
        '',
        whatItIs(),
        '',
        ...paused,
        ...(ended?.sentence ? [ended.sentence, ''] : []),
        '| stage | |',
        '|---|---|',
        ...rows,
      ].join('\n'),
    );
    if (status === this.#status) return;
    this.#status = status;
    upsertSearchAttributes([{ key: searchAttributeKeys.status, value: status }]);
  }
}

/** Its name, what is trained, and on what. The summary of a workflow says so too, but not of one that was continued as new. */
function whatItIs(): string {
  const { name, trainingType, baseModel, data } = workflowInfo().memo ?? {};
  return `${name}: ${trainingType} of ${baseModel}, on ${data}`;
}

/** `2026-11-28 06:19 UTC` */
function minuteOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
