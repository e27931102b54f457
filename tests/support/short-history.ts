import assert from 'node:assert/strict';
import type { Client } from '@temporalio/client';
import { ORCHESTRATION_QUEUE } from '../../src/workflows/contract.ts';
import type { trainingWorkflow } from '../../src/workflows/index.ts';
import { searchAttributeKeys } from '../../temporal/search-attributes.ts';
import type { Jobs } from './jobs.ts';
import { processesOf } from './processes.ts';
import type { TestService } from './service.ts';

/** The id of a job's latest run. */
export async function runIdOf(service: TestService, jobId: number): Promise<number> {
  const { items } = (await service.call('GET', `/jobs/${jobId}/runs`)).body as { items: { id: number }[] };
  return Number(items[0]?.id);
}

/**
 * A job whose workflow continues as new after so few events, which no user can ask for: it is started while the dispatcher
 * stands still, which takes it for its own.
 */
export async function createWithShortHistory(
  service: TestService,
  client: Client,
  jobs: Jobs,
  mostHistoryEvents: number,
): Promise<number> {
  const processes = await processesOf(service.env.home);
  const orchestrator = processes.find(({ command }) => /main\.js orchestrator/.test(command));
  assert.ok(orchestrator, 'there is an orchestrator');
  process.kill(orchestrator.pid, 'SIGSTOP');
  try {
    const name = 'short history';
    const id = await jobs.create({ name });
    const runId = await runIdOf(service, id);
    await client.workflow.start<typeof trainingWorkflow>('trainingWorkflow', {
      workflowId: `job-${id}-run-1`,
      taskQueue: ORCHESTRATION_QUEUE,
      args: [{ runId, heartbeatTimeoutMs: service.env.heartbeatTimeoutMs, mostHistoryEvents }],
      memo: { name, trainingType: 'qlora', baseModel: 'none', data: 'rows' },
      typedSearchAttributes: [
        { key: searchAttributeKeys.runId, value: runId },
        { key: searchAttributeKeys.name, value: name },
      ],
    });
    return id;
  } finally {
    process.kill(orchestrator.pid, 'SIGCONT');
  }
}
