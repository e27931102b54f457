import { setTimeout as after } from 'node:timers/promises';

/** What a process of the service tells the one that started it, once it can be used. */
export interface ReadyMessage {
  ready: true;
  /** The port that it listens on, where it has one. */
  port?: number;
}

const DEFAULT_TIME_LIMIT_MS = 8_000;

/**
 * Tells the parent process, if there is one, that this one is ready; then waits for SIGTERM, SIGINT, or the parent's
 * death, runs `stop` and exits. Ends with an error when `running` does.
 */
export async function runUntilStopped(options: {
  /** Settles when the process's work ends by itself. */
  running?: Promise<unknown>;
  stop: (signal: 'SIGTERM' | 'SIGINT' | 'parent gone') => Promise<void>;
  /** After so long in `stop` the process ends all the same. */
  timeLimitMs?: number;
  port?: number;
}): Promise<never> {
  const asked = new Promise<'SIGTERM' | 'SIGINT' | 'parent gone'>((resolve) => {
    // A second one, while `stop` is under way, must not end the process before it is done.
    process.on('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('disconnect', () => resolve('parent gone'));
  });
  const ready: ReadyMessage = { ready: true, ...(options.port === undefined ? {} : { port: options.port }) };
  process.send?.(ready);
  const ended = (options.running ?? new Promise<never>(() => {})).then(() => 'ended' as const);
  const why = await Promise.race([asked, ended]);
  if (why !== 'ended') {
    const timeLimitMs = options.timeLimitMs ?? DEFAULT_TIME_LIMIT_MS;
    await Promise.race([options.stop(why), after(timeLimitMs, undefined, { ref: false })]);
  }
  process.exit(0);
}
