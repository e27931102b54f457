import type { components } from '../../../generated/api';

type Schemas = components['schemas'];

export type Run = Schemas['Run'];
export type ListedRun = Schemas['ListedRun'];
export type WaitingRun = Schemas['WaitingRun'];
export type QueueChange = Schemas['QueueChange'];
export type Job = Schemas['Job'];
export type Project = Schemas['Project'];
export type Sweep = Schemas['Sweep'];
export type SweepCreate = Schemas['SweepCreate'];
export type SweepPlan = Schemas['SweepPlan'];
export type SweepSummary = Schemas['SweepSummary'];
export type WorkerPool = Schemas['WorkerPool'];
export type Worker = WorkerPool['workers'][number];
export type Health = Schemas['Health'];
export type Curves = Schemas['Curves'];
export type DeviceFigures = NonNullable<Schemas['Metrics']['points'][number]['device']>;
export type Checkpoints = Schemas['Checkpoints'];
export type Report = Schemas['Report'];
export type ReportTrait = Report['traits'][number];
export type ReportRetrieval = NonNullable<Report['retrieval']>[number];
export type MixturePlan = Schemas['MixturePlan'];
/** A plan of what nobody has asked to train yet. */
export type Plan = Schemas['Plan'] & { followed_by?: Schemas['Plan'] | null };
export type Estimate = Schemas['Estimate'];
export type Dataset = Schemas['Dataset'];
export type PreviewRow = Schemas['DatasetPreview']['rows'][number];
export type DatasetProfile = Schemas['DatasetProfile'];
export type Lengths = NonNullable<DatasetProfile['characters']>;
export type LengthBucket = NonNullable<DatasetProfile['character_histogram']>[number];
export type MappingCheck = Schemas['DatasetValidation'];
export type RowTokens = Schemas['RowTokens'];
/** Which column is which part of a conversation. */
export type Mapping = Record<string, string>;
/** Fields that can be nothing but null: openapi-fetch takes them for such as are never sent. */
type WithoutNulls<Message> = Message extends unknown ? Omit<Message, 'audio' | 'function_call'> : never;
/** As models are asked: `/v1/chat/completions` takes the same. */
export type AskedMessage = WithoutNulls<Schemas['PromptRequest']['messages'][number]>;
export type Tool = NonNullable<Schemas['VoteCreate']['tools']>[number];
export type Sampling = Schemas['VoteCreate']['parameters'];
export type RunStatus = Run['status'];
export type RunPhase = Run['phase'];

/** What has runs: a job or a project. */
export interface RunOwner {
  kind: 'job' | 'project';
  id: number;
}
