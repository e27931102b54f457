/** Sooner, nobody asks what is going on. */
const SAY_AFTER_MS = 1_000;

/** Says what goes on, where it is not over within a second. @returns what is to be called once it is over */
export function sayIfSlow(say: (sentence: string) => void, sentence: string): () => void {
  const timer = setTimeout(() => say(sentence), SAY_AFTER_MS);
  return () => clearTimeout(timer);
}
