import type { components } from '../../../generated/api.d.ts';

type Schemas = components['schemas'];

export type BaseModel = Schemas['BaseModel'];
export type Dataset = Schemas['Dataset'];
export type Estimate = Schemas['Estimate'];
export type Export = Schemas['Export'];
export type NewExport = Schemas['ExportCreate'];
export type Health = Schemas['Health'];
export type Job = Schemas['Job'];
export type JobCreate = Schemas['JobCreate'];
export type JobPlanRequest = Schemas['JobPlanRequest'];
export type ListedRun = Schemas['ListedRun'];
export type MixturePlan = Schemas['MixturePlan'];
export type ModelDownload = Schemas['ModelDownload'];
export type ProjectPlan = Schemas['ProjectPlan'];
export type Plan = Schemas['Plan'];
export type Project = Schemas['Project'];
export type ProjectCreate = Schemas['ProjectCreate'];
export type Report = Schemas['Report'];
export type Run = Schemas['Run'];
export type Sweep = Schemas['Sweep'];
export type SweepCreate = Schemas['SweepCreate'];
export type SweepPlan = Schemas['SweepPlan'];
export type SweepSummary = Schemas['SweepSummary'];
export type Version = Schemas['Version'];
export type WorkerPool = Schemas['WorkerPool'];
