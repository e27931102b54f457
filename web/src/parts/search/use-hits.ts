import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { baseModelsQuery } from '../../api/base-models.ts';
import { documentQuery, fieldsOf } from '../../api/request-fields.ts';
import { byNumbersQuery, foundQuery } from '../../api/search.ts';
import { foundHits, type HitGroup, modelHits, placeHits, settingHits, visitHits } from './hits.ts';
import { useLastVisits, type Visit } from './recent.ts';
import { wordsOf } from './words.ts';

const ASK_AFTER_MS = 150;

export interface Hits {
  words: string[];
  groups: HitGroup[];
  /** Nothing is to come any more for this text: until then, what the service found for the one before is shown. */
  isSettled: boolean;
  /** Whatever is still to come, it comes after the first one. */
  isFirstCertain: boolean;
  error: Error | null;
}

/**
 * What is found for a text; without one, what was visited last. What the page knows itself stands first and is there at once, so
 * that nothing above it moves when the service answers.
 */
export function useHits(text: string): Hits {
  const typed = text.trim();
  const [asked] = useDebouncedValue(typed, ASK_AFTER_MS);
  const words = wordsOf(typed);
  const models = useQuery(baseModelsQuery);
  const document = useQuery(documentQuery);
  const found = useQuery({ ...foundQuery(asked), enabled: asked !== '' && typed !== '' });
  const visits = useLastVisits();
  const visited = useQuery({ ...byNumbersQuery(numbersOf(visits)), enabled: visits.length > 0 });
  const error = found.error ?? visited.error ?? models.error ?? document.error;
  if (words.length === 0)
    return {
      words,
      groups: withHits([visitHits(visits, visited.data), placeHits([])]),
      isSettled: true,
      isFirstCertain: true,
      error,
    };
  const fields = document.data === undefined ? [] : Object.values(fieldsOf(document.data, 'ConfigPatch'));
  const places = placeHits(words);
  const others = [settingHits(fields, words), modelHits(models.data ?? [], words)];
  const isAnswered = found.error !== null || (found.data !== undefined && !found.isPlaceholderData);
  const isOwnSettled = !models.isPending && !document.isPending;
  const isSettled = asked === typed && isAnswered && isOwnSettled;
  const isOwnFirst = places.total > 0 || (isOwnSettled && others.some(({ total }) => total > 0));
  return {
    words,
    groups: withHits([places, ...others, ...(found.data === undefined ? [] : foundHits(found.data))]),
    isSettled,
    isFirstCertain: isSettled || isOwnFirst,
    error,
  };
}

function withHits(groups: HitGroup[]): HitGroup[] {
  return groups.filter(({ hits }) => hits.length > 0);
}

function numbersOf(visits: Visit[]) {
  const of = (kind: Visit['kind']) => visits.flatMap((visit) => (visit.kind === kind && 'id' in visit ? visit.id : []));
  return { jobs: of('job'), projects: of('project'), datasets: of('dataset') };
}
