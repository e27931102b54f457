/** How often progress is written to the row, and the row is asked whether to go on. */
const LOOK_EVERY_MS = 1_000;

/** A process that works for a row. */
interface Program<End> {
  ended: Promise<End>;
  /** At once; what it has done stays. */
  kill(): void;
}

/**
 * Lets a program work until it ends, `stop` is aborted, or its row does not want it any more. While the database is away, progress
 * waits for the next look, and the program goes on.
 * @param tell writes to the row how far it is, and says whether it is wanted
 * @returns how it ended; null where it is not wanted
 * @throws the reason of `stop`, once the program has ended
 */
export async function whileWanted<End>(
  program: Program<End>,
  stop: AbortSignal,
  tell: () => Promise<boolean>,
): Promise<{ end: End } | null> {
  let isWanted = true;
  let looking = Promise.resolve();
  const look = async () => {
    isWanted = await tell();
    if (!isWanted) program.kill();
  };
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => {});
  }, LOOK_EVERY_MS);
  stop.addEventListener('abort', program.kill, { once: true });
  if (stop.aborted) program.kill();
  try {
    const end = await program.ended;
    clearInterval(timer);
    await looking;
    if (stop.aborted) throw stop.reason;
    return isWanted && (await tell()) ? { end } : null;
  } finally {
    clearInterval(timer);
    stop.removeEventListener('abort', program.kill);
    program.kill();
  }
}
