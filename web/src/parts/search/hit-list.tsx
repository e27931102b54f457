import { Combobox, List, Text } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { count } from '../numbers.ts';
import type { Hit, HitGroup } from './hits.ts';
import { Marked } from './marked.tsx';
import type { Hits } from './use-hits.ts';

/** What was found, in groups; or, where that is nothing, what can be. It takes the same place however much it is, so that nothing moves. */
export function HitList({ id, found, active }: { id: string; found: Hits; active: Hit | undefined }) {
  const { words, groups, isSettled } = found;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (active !== undefined)
      place.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  const hits = groups.flatMap((group) => group.hits);
  if (hits.length === 0) return <div className="hits">{isSettled && <WhatCanBeFound />}</div>;
  return (
    <Combobox.Options id={id} className="hits" ref={place} aria-label="Found" aria-busy={!isSettled}>
      {groups.map((group) => (
        <Combobox.Group key={group.label} label={labelOf(group)}>
          {group.hits.map((hit) => (
            <Combobox.Option
              key={hit.key}
              id={`${id}-${hits.indexOf(hit)}`}
              value={hit.key}
              selected={hit === active}
              aria-selected={hit === active}
            >
              <Text size="sm" component="div" lineClamp={2}>
                <Marked words={words}>{hit.name}</Marked>
              </Text>
              <Text size="xs" component="div" lineClamp={2}>
                <Marked words={words}>{hit.about}</Marked>
              </Text>
            </Combobox.Option>
          ))}
        </Combobox.Group>
      ))}
    </Combobox.Options>
  );
}

function labelOf({ label, hits, total }: HitGroup): string {
  return total > hits.length ? `${label}, ${hits.length} of ${count(total)}` : label;
}

function WhatCanBeFound() {
  return (
    <>
      <Text size="sm" mb="xs">
        Each word has to be in one of these:
      </Text>
      <List size="sm">
        <List.Item>the name or number of a job or project, its base model, or a dataset that it trains on</List.Item>
        <List.Item>the name, number or file of a dataset</List.Item>
        <List.Item>the name of a base model on this machine</List.Item>
        <List.Item>a screen, an action, or the name of a setting</List.Item>
      </List>
    </>
  );
}
