import { Context } from '@temporalio/activity';
import type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptorsFactory,
  Next,
} from '@temporalio/worker';

/** So many heartbeats in the time after which Temporal takes an activity that sends none for lost. */
const HEARTBEATS_IN_TIMEOUT = 3;

/**
 * Sends heartbeats for every activity with a heartbeat timeout, for as long as it is at work. They are not for the progress:
 * when Temporal is away for so long that an activity which is done cannot say so, its worker gives up telling, and Temporal
 * has it done again as soon as it misses them, and not only at the end of all the time that the activity may take.
 */
export function keepAlive(): ActivityInterceptorsFactory {
  return () => ({
    inbound: {
      async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
        const context = Context.current();
        const { heartbeatTimeoutMs } = context.info;
        if (!heartbeatTimeoutMs) return await next(input);
        const beat = setInterval(() => context.heartbeat(), heartbeatTimeoutMs / HEARTBEATS_IN_TIMEOUT);
        try {
          return await next(input);
        } finally {
          clearInterval(beat);
        }
      },
    },
  });
}
