import { type Logger, pino } from 'pino';

export type { Logger };

/** A logger that writes JSON lines to standard error, so that standard output stays free for what a person reads. */
export function createLogger(name: string, level: string): Logger {
  return pino({ name, level }, pino.destination({ fd: 2, sync: true }));
}
