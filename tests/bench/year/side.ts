import type { Env } from '../../../src/platform/env.ts';
import { type RunningService, startService } from '../../../src/processes/start/start.ts';
import { type ApiClient, clientOf, testEnv } from '../../support/service.ts';

/** A service with servers and a home of its own, which can be started again. */
export interface Side extends ApiClient {
  env: Env;
  running: RunningService;
  stop(): Promise<void>;
  /** @returns the milliseconds until it says that it is well */
  startAgain(): Promise<number>;
}

export async function startSide(): Promise<Side> {
  const env: Env = { ...(await testEnv()), heartbeatTimeoutMs: 30_000, logLevel: 'warn' };
  const running = await startService(env, () => {});
  const side: Side = {
    ...clientOf(running.apiUrl),
    env,
    running,
    stop: () => side.running.stop(),
    startAgain: async () => {
      const fromMs = performance.now();
      side.running = await startService(env, () => {});
      const { status } = await fetch(`${side.running.apiUrl}/api/v1/health`);
      if (status !== 200) throw new Error(`GET /health: ${status}`);
      Object.assign(side, clientOf(side.running.apiUrl));
      return performance.now() - fromMs;
    },
  };
  return side;
}
