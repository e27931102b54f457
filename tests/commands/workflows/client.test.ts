import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { connectOrchestration } from '../../../src/commands/workflows/client.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { testEnv } from '../../support/service.ts';

describe('the client of Temporal', () => {
  // Take `untilClosed` out of src/platform/temporal/connection.ts, and a retry that nobody can catch ends this process.
  it('closes while its calls wait for another try', async () => {
    const temporalAddress = `127.0.0.1:${await choosePort(0)}`;
    const orchestration = connectOrchestration({ ...(await testEnv()), temporalAddress });
    const calls = Array.from({ length: 8 }, () => orchestration.isHealthy());
    // Refused at once: from here on, nearly all the time of a call is waiting for its next try.
    await setTimeout(400);
    await orchestration.close();
    assert.deepEqual(new Set(await Promise.all(calls)), new Set([false]));
  });
});
