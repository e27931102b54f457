import type { LogLevel, LogMetadata, Logger as TemporalLogger } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Logger } from '../logger.ts';

const PINO_LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/**
 * Has the SDK of Temporal, and what is native of it, write to the log of this process, as JSON lines like all else: warnings and worse,
 * unless debugging. To be called before anything else of the SDK.
 */
export function installTemporalLogger(logger: Logger): void {
  const isDebugging = logger.isLevelEnabled('debug');
  const level = isDebugging ? 'debug' : 'warn';
  Runtime.install({
    logger: temporalLogger(logger.child({}, { level: logger.level === 'silent' ? 'silent' : level })),
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
    // Each process ends by its own order of shutdown, not by the runtime's.
    shutdownSignals: [],
  });
}

export function temporalLogger(logger: Logger): TemporalLogger {
  const log = (level: LogLevel, message: string, meta: LogMetadata = {}) => {
    // Temporal's run is an execution of a workflow; a run of ours is another thing.
    const { runId: temporalRunId, error, ...rest } = meta;
    const fields = {
      ...rest,
      ...(temporalRunId === undefined ? {} : { temporalRunId }),
      ...(error ? { err: error } : {}),
    };
    logger[PINO_LEVELS[level]](fields, message);
  };
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  };
}
