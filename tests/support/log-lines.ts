import { type Logger, pino } from 'pino';

interface LogLine {
  level: number;
  msg: string;
  [field: string]: unknown;
}

/** A logger, and what was written with it. */
export function captureLog(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const logger = pino({ level: 'trace' }, { write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  return { logger, lines };
}

/** Numbers of pino's levels. */
export const { debug: DEBUG, warn: WARN, error: ERROR } = pino.levels.values as Record<string, number>;
