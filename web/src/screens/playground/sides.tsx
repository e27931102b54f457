import { Select, SimpleGrid, Switch } from '@mantine/core';
import { useChangeAddress } from '../../parts/address.ts';
import type { NamedModels, Sides as SidesOf } from './use-sides.ts';

/** Which two models are asked, and whether their names are hidden until the vote. */
export function Sides({ sides, choices, isBlind }: { sides: SidesOf; choices: NamedModels[]; isBlind: boolean }) {
  const change = useChangeAddress();
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {(['left', 'right'] as const).map((side) => (
          <Select
            key={side}
            label={side === 'left' ? 'One model' : 'The other model'}
            searchable
            allowDeselect={false}
            data={choices}
            value={sides[side]}
            onChange={(name) => change({ [side]: name })}
            maxDropdownHeight={320}
            nothingFoundMessage="There is none"
          />
        ))}
      </SimpleGrid>
      <Switch
        label="Blind: which model is on which side is drawn at random, and told after the vote"
        checked={isBlind}
        onChange={({ currentTarget: { checked } }) => change({ blind: checked ? 'yes' : null })}
      />
    </>
  );
}
