/** Of what one statement reads or writes: more at once save nothing more. */
const MOST_AT_ONCE = 100;

interface Waiting<Asked, Found> {
  asked: Asked;
  resolve: (found: Found) => void;
  reject: (error: unknown) => void;
}

/**
 * Does at once what is asked for in the same turn of the event loop: under load one round trip serves many, and alone nobody
 * waits. Nothing is kept: `work` begins after everybody whom it serves has asked.
 * @param work resolves with a result for each, in the order in which they asked; or changes nothing and rejects
 * @param isFaultOfOne of such an error, which only the ones that cause it are to get: each is done by itself then
 */
export function batched<Asked, Found>(
  work: (asked: Asked[]) => Promise<Found[]>,
  isFaultOfOne: (error: unknown) => boolean = () => false,
): (asked: Asked) => Promise<Found> {
  const waiting: Waiting<Asked, Found>[] = [];
  const serve = async (batch: Waiting<Asked, Found>[]): Promise<void> => {
    try {
      const found = await work(batch.map(({ asked }) => asked));
      for (const [index, { resolve }] of batch.entries()) resolve(found[index] as Found);
    } catch (error) {
      if (batch.length > 1 && isFaultOfOne(error)) await Promise.all(batch.map((one) => serve([one])));
      else for (const { reject } of batch) reject(error);
    }
  };
  return (asked) =>
    new Promise((resolve, reject) => {
      // After the input of all connections that have some.
      if (waiting.length % MOST_AT_ONCE === 0) setImmediate(() => serve(waiting.splice(0, MOST_AT_ONCE)));
      waiting.push({ asked, resolve, reject });
    });
}
