import { type DestinationStream, type Logger, pino } from 'pino';
import { withoutSecrets } from './key-text.ts';

export type { Logger };

/**
 * A logger that writes JSON lines to standard error, so that standard output stays free for what a person reads. No API key gets into
 * one, whatever brought it there.
 */
export function createLogger(
  name: string,
  level: string,
  to: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino({ name, level, hooks: { streamWrite: withoutSecrets } }, to);
}
