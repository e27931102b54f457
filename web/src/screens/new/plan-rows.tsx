import { Table, Text } from '@mantine/core';
import type { MixturePlan } from '../../api/types.ts';
import { count, percent } from '../../parts/numbers.ts';
import { Scrolled } from '../../parts/scrolled.tsx';
import { UserText } from '../../parts/user-text.tsx';
import type { TraitType } from './draft.ts';
import { TRAITS } from './traits-known.ts';

/** Of each dataset: the rows that its share asks for, those that it has, and those that are taken. */
export function PlanRows({
  traits,
  names,
  isProject,
}: {
  traits: MixturePlan['traits'];
  names: Map<number, string>;
  isProject: boolean;
}) {
  const repeats = traits.some(({ datasets }) => datasets.some((share) => share.repeats > 1));
  const heads = ['Dataset', 'Asked', 'There', 'Taken', ...(isProject ? ['Share'] : []), ...(repeats ? ['Times'] : [])];
  return (
    <Scrolled label="Rows of each dataset">
      <Table fz="sm">
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {traits.flatMap((trait) =>
            trait.datasets.map((share) => (
              <Table.Tr key={share.dataset_id}>
                <Table.Th scope="row">
                  <UserText inline>{names.get(share.dataset_id) ?? `dataset ${share.dataset_id}`}</UserText>
                  {isProject && (
                    <Text size="xs">{TRAITS[trait.trait_type as TraitType]?.label ?? trait.trait_type}</Text>
                  )}
                  {isProject && share.dataset_id === trait.limiting_dataset_id && (
                    <Text size="xs" fw={600}>
                      limits its trait
                    </Text>
                  )}
                </Table.Th>
                <Table.Td>{share.requested === null ? 'all' : count(share.requested)}</Table.Td>
                <Table.Td>{count(share.rows)}</Table.Td>
                <Table.Td>{count(share.allocated)}</Table.Td>
                {isProject && <Table.Td>{percent(share.effective_percentage)}</Table.Td>}
                {repeats && <Table.Td>{count(share.repeats)}</Table.Td>}
              </Table.Tr>
            )),
          )}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
