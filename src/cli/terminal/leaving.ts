import { EXIT } from '../exit-codes.ts';

/** What follows a Ctrl-C so soon is the same one. */
const SAME_KEY_MS = 1_000;

/**
 * Ctrl-C leaves what is watched: `signal` aborts, and the command says its last sentence. Under `npx` the signal comes twice, from the
 * terminal and from npm, which passes it on: the second one must not end the process before that sentence. A later one ends it.
 */
export function leavingByCtrlC(): { signal: AbortSignal; end: () => void } {
  const left = new AbortController();
  let leftAtMs = 0;
  const leave = () => {
    if (left.signal.aborted && performance.now() - leftAtMs > SAME_KEY_MS) process.exit(EXIT.left);
    if (!left.signal.aborted) leftAtMs = performance.now();
    left.abort();
  };
  process.on('SIGINT', leave);
  // One that has left goes on to its last sentence.
  const end = () => void (left.signal.aborted || process.off('SIGINT', leave));
  return { signal: left.signal, end };
}
