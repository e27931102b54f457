import type { components } from './schema';

type Schemas = components['schemas'];

export type Run = Schemas['Run'];
export type ListedRun = Schemas['ListedRun'];
export type Job = Schemas['Job'];
export type Project = Schemas['Project'];
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
export type Dataset = Schemas['Dataset'];
export type PreviewRow = Schemas['DatasetPreview']['rows'][number];
export type DatasetProfile = Schemas['DatasetProfile'];
export type Lengths = NonNullable<DatasetProfile['characters']>;
export type LengthBucket = NonNullable<DatasetProfile['character_histogram']>[number];
export type MappingCheck = Schemas['DatasetValidation'];
export type RowTokens = Schemas['RowTokens'];
/** Which column is which part of a conversation. */
export type Mapping = Record<string, string>;
export type RunStatus = Run['status'];
export type RunPhase = Run['phase'];

/** What has runs: a job or a project. */
export interface RunOwner {
  kind: 'job' | 'project';
  id: number;
}
