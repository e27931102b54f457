import { useQueries } from '@tanstack/react-query';
import { ApiRefusal } from '../../api/client.ts';
import { ownerQuery, runsOfQuery } from '../../api/runs.ts';
import type { Run, RunOwner } from '../../api/types.ts';
import { type ChosenRun, writtenAs } from '../../parts/runs/chosen.ts';
import { isOpen } from '../../parts/runs/status.tsx';
import { useReadingAtEnds } from '../../parts/runs/use-reading-at-ends.ts';
import { shown } from '../../parts/user-text.tsx';
import { type Look, looksOf } from './looks.ts';

const OPEN_EVERY_MS = 2_000;
const LONGEST_NAME = 32;

/** A run that is compared. */
export interface Compared extends Look {
  chosen: ChosenRun;
  owner: RunOwner;
  name: string;
  /** Short, and of no other run: its name in charts and tables. */
  label: string;
  run: Run;
}

/** The runs that were chosen, and a sentence for each that is not there. Those that have not ended are read again and again. */
export function useCompared(chosen: ChosenRun[]): { runs: Compared[]; problems: string[]; isRead: boolean } {
  const names = [...new Set(chosen.map(({ kind, id }) => `${kind}-${id}`))];
  const asked = names.flatMap((name) => chosen.find(({ kind, id }) => `${kind}-${id}` === name) ?? []);
  const owners = useQueries({ queries: asked.map(({ kind, id }) => ownerQuery({ kind, id })) });
  const lists = useQueries({
    queries: asked.map(({ kind, id }) => ({
      ...runsOfQuery({ kind, id }),
      refetchInterval: ({ state }: { state: { data?: { items: Run[] } | undefined } }) =>
        state.data?.items.some(({ status }) => isOpen(status)) ? OPEN_EVERY_MS : (false as const),
    })),
  });
  const found: Omit<Compared, keyof Look>[] = [];
  const problems: string[] = [];
  for (const each of chosen) {
    const nth = asked.findIndex(({ kind, id }) => kind === each.kind && id === each.id);
    const [owner, list] = [owners[nth], lists[nth]];
    const error = owner?.error ?? list?.error;
    if (error instanceof ApiRefusal) problems.push(`${writtenAs(each)}: ${error.message}`);
    if (!owner?.data || !list?.data) continue;
    const { items } = list.data;
    const run = each.number === null ? items[0] : items.find(({ number }) => number === each.number);
    if (run === undefined)
      problems.push(
        each.number === null
          ? `${writtenAs(each)} has no run yet. Start it first.`
          : `${writtenAs(each)}: ${each.kind} ${each.id} has no run ${each.number}.`,
      );
    else if (found.some((other) => other.run.id === run.id))
      problems.push(`${writtenAs(each)} is a run that is named more than once. It is shown once.`);
    else {
      const { kind, id } = each;
      found.push({
        chosen: each,
        owner: { kind, id },
        name: owner.data.name,
        label: labelOf(owner.data.name, each),
        run,
      });
    }
  }
  const looks = looksOf(found.map(({ run }) => run.id));
  const runs = found.flatMap((each) => {
    const look = looks.get(each.run.id);
    return look === undefined ? [] : [{ ...each, ...look }];
  });
  useReadingAtEnds(runs.map(({ run }) => run));
  return { runs, problems, isRead: [...owners, ...lists].every(({ isPending }) => !isPending) };
}

function labelOf(name: string, { kind, id, number }: ChosenRun): string {
  const characters = [...shown(name)];
  const short =
    characters.length > LONGEST_NAME ? `${characters.slice(0, LONGEST_NAME).join('')}…` : characters.join('');
  return `${short} (${kind} ${id}${number === null ? '' : `, run ${number}`})`;
}
