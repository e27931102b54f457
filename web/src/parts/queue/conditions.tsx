import type { Project } from '../../api/types.ts';
import { When } from '../when.tsx';
import { afterText } from './when.ts';

/** What something in the queue waits for beside its turn, as the end of a sentence: `; not before …; after job 3`. */
export function Conditions({ of: { not_before, after } }: { of: Pick<Project, 'not_before' | 'after'> }) {
  return (
    <>
      {not_before !== null && (
        <>
          ; not before <When at={not_before} />
        </>
      )}
      {after !== null && `; after ${afterText(after)}`}
    </>
  );
}
