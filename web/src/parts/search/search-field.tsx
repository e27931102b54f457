import { Combobox, Text, TextInput } from '@mantine/core';
import { type KeyboardEvent, useEffect, useEffectEvent, useId, useState } from 'react';
import { count } from '../numbers.ts';
import { shown } from '../user-text.tsx';
import { HitList } from './hit-list.tsx';
import type { Hit } from './hits.ts';
import { type Hits, useHits } from './use-hits.ts';

/** As many as the service takes. */
const MOST_CHARACTERS = 255;

/** One field, and below it what is found: a combobox whose list is always open (WAI-ARIA). The focus stays in the field. */
export function SearchField({ onTake }: { onTake: (hit: Hit) => void }) {
  const listId = useId();
  const [text, setText] = useState('');
  /** By arrow keys; until then, or when it is found no more, the first one counts. */
  const [chosen, setChosen] = useState<string | null>(null);
  const [isAwaited, setIsAwaited] = useState(false);
  const found = useHits(text);
  const hits = found.groups.flatMap((group) => group.hits);
  const active = hits.find(({ key }) => key === chosen) ?? hits[0];
  const at = active === undefined ? -1 : hits.indexOf(active);

  const take = useEffectEvent(() => active !== undefined && onTake(active));
  useEffect(() => {
    if (!isAwaited || !found.isFirstCertain) return;
    setIsAwaited(false);
    take();
  }, [isAwaited, found.isFirstCertain]);

  const type = (next: string) => {
    setText(next);
    setChosen(null);
    setIsAwaited(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown') setChosen(hits[(at + 1) % hits.length]?.key ?? null);
    else if (event.key === 'ArrowUp') setChosen(hits.at(at - 1)?.key ?? null);
    else if (event.key !== 'Enter') return;
    else if (active !== undefined && active.key === chosen) onTake(active);
    // Before the service has answered for this text, the first one is of the text before.
    else setIsAwaited(true);
    event.preventDefault();
  };

  const submit = (key: string) => {
    const hit = hits.find((candidate) => candidate.key === key);
    if (hit !== undefined) onTake(hit);
  };

  return (
    <Combobox onOptionSubmit={submit}>
      <TextInput
        data-autofocus
        // Whoever opens the search types at once, before the dialog itself would give the focus.
        autoFocus
        aria-label="Search"
        placeholder="Name, number, base model, dataset, setting"
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        maxLength={MOST_CHARACTERS}
        autoComplete="off"
        spellCheck={false}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={hits.length > 0}
        aria-controls={listId}
        aria-activedescendant={at === -1 ? undefined : `${listId}-${at}`}
      />
      <Text role="status" size="sm">
        {sentenceOf(found, text.trim())}
      </Text>
      <HitList id={listId} found={found} active={active} />
      <Text size="xs" c="dimmed">
        Up and down choose, Enter opens, Esc closes.
      </Text>
    </Combobox>
  );
}

function sentenceOf({ groups, isSettled, error }: Hits, text: string): string {
  if (error !== null) return error.message;
  if (text === '') return 'Where you were, and what can be done.';
  if (!isSettled) return 'Searching…';
  const total = groups.reduce((sum, group) => sum + group.total, 0);
  return total === 0 ? `Nothing has all of this: ${shown(text)}` : `${count(total)} found`;
}
