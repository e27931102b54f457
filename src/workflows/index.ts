/** The entry of the workflow bundle: what the orchestrator can run. */
export { checkOutputWorkflow } from './check-output.ts';
export { trainingWorkflow } from './training.ts';
export { workerPoolWorkflow } from './worker-pool.ts';
