import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/**
 * What is shown stands in the address, so that it survives a reload and can be sent to somebody: this changes parts of it, and leaves out those that are
 * null. It replaces the address: a step back in the browser leads to the screen before, not to the value before.
 */
export function useChangeAddress(): (changes: Record<string, string | null>) => void {
  const [, setParams] = useSearchParams();
  return useCallback(
    (changes) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          for (const [name, value] of Object.entries(changes)) {
            if (value === null) after.delete(name);
            else after.set(name, value);
          }
          return after;
        },
        { replace: true },
      ),
    [setParams],
  );
}

/** A part of the address; '' where it is not there. */
export function useParam(name: string): string {
  const [params] = useSearchParams();
  return params.get(name) ?? '';
}

/** One of these in the address; anything else counts as the standard. */
export function useChoice<Choice extends string>(
  name: string,
  choices: readonly Choice[],
  standard: NoInfer<Choice>,
): Choice {
  const value = useParam(name);
  return choices.find((choice) => choice === value) ?? standard;
}

/** A whole number in the address; null where there is none. */
export function useNumberParam(name: string): number | null {
  const value = useParam(name);
  return /^\d{1,10}$/.test(value) ? Number(value) : null;
}
