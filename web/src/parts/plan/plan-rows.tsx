import { Anchor, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import type { MixturePlan } from '../../api/types.ts';
import { DataTable } from '../data-table.tsx';
import { count, percent } from '../numbers.ts';
import { UserText } from '../user-text.tsx';
import { TRAITS, type TraitType } from './traits.ts';

interface PlanRowsProps {
  traits: MixturePlan['traits'];
  /** Of the datasets, by their ids. */
  names: Map<number, string>;
  /** Whether there are traits with shares: a job has one dataset, which is all of it. */
  isProject: boolean;
  /** All that the plan knows, rather than what fits beside a form. */
  isWhole?: boolean;
}

/** Of each dataset: the rows that its share asks for, those that it has, and those that are taken. */
export function PlanRows({ traits, names, isProject, isWhole = false }: PlanRowsProps) {
  const repeats = isWhole || traits.some(({ datasets }) => datasets.some((share) => share.repeats > 1));
  const heads = [
    'Dataset',
    ...(isWhole && isProject ? ['Share asked'] : []),
    'Asked',
    'There',
    'Taken',
    ...(isProject ? [isWhole ? 'Share in fact' : 'Share'] : []),
    ...(repeats ? ['Times'] : []),
    ...(isWhole ? ['Held out'] : []),
  ];
  return (
    <DataTable label="Rows of each dataset" heads={heads} fz="sm" miw={isWhole ? 620 : undefined}>
      {traits.flatMap((trait) =>
        trait.datasets.map((share) => (
          <Table.Tr key={`${trait.trait_type} ${share.dataset_id}`}>
            <Table.Th scope="row">
              <DatasetName id={share.dataset_id} name={names.get(share.dataset_id)} isLink={isWhole} />
              {isHeldOut(trait, share) && (
                <Text size="xs">{count(share.held_out)} rows are held out, none is trained on</Text>
              )}
              {isProject && <Text size="xs">{TRAITS[trait.trait_type as TraitType]?.label ?? trait.trait_type}</Text>}
              {isProject && share.dataset_id === trait.limiting_dataset_id && (
                <Text size="xs" fw={600}>
                  limits its trait
                </Text>
              )}
            </Table.Th>
            {isWhole && isProject && <Table.Td>{percent(share.percentage)}</Table.Td>}
            <Table.Td>
              {isHeldOut(trait, share) ? 'none' : share.requested === null ? 'all' : count(share.requested)}
            </Table.Td>
            <Table.Td>{count(share.rows)}</Table.Td>
            <Table.Td>{count(share.allocated)}</Table.Td>
            {isProject && <Table.Td>{percent(share.effective_percentage)}</Table.Td>}
            {repeats && <Table.Td>{count(share.repeats)}</Table.Td>}
            {isWhole && <Table.Td>{count(share.held_out)}</Table.Td>}
          </Table.Tr>
        )),
      )}
    </DataTable>
  );
}

type Trait = MixturePlan['traits'][number];

/** Whether a dataset is there for the held-out rows of its trait alone. */
function isHeldOut({ validation_dataset_id }: Trait, { dataset_id }: Trait['datasets'][number]): boolean {
  return dataset_id === validation_dataset_id;
}

function DatasetName({ id, name, isLink }: { id: number; name: string | undefined; isLink: boolean }) {
  const text = <UserText inline>{name ?? `dataset ${id}`}</UserText>;
  // From a form, a link would lead away from it. One without a name is gone.
  return isLink && name !== undefined ? (
    <Anchor component={Link} href={`/datasets/${id}`} size="sm">
      {text}
    </Anchor>
  ) : (
    text
  );
}
