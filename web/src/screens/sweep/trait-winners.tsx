import { Table } from '@mantine/core';
import type { Sweep } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { loss } from '../../parts/numbers.ts';
import { nameOf, ownerOf } from './ranked.ts';

/** Of several traits: which run is the best on the held-out rows of each, and which these do not tell from it. */
export function TraitWinners({ sweep: { winner, project } }: { sweep: Sweep }) {
  if (winner === null || winner.traits.length < 2) return null;
  const kind = project === null ? 'job' : 'project';
  const heads = ['Trait', 'Best', 'Its held-out loss', 'That of the winner', 'Not told from the best'];
  return (
    <DataTable label="The best of each trait" heads={heads} miw={560} verticalSpacing="xs">
      {winner.traits.map(({ trait_type, best, held_out_loss, not_told_apart }) => (
        <Table.Tr key={trait_type}>
          <Table.Th scope="row">{trait_type}</Table.Th>
          <Table.Td>{ownerOf(best).id === ownerOf(winner).id ? 'the winner' : nameOf(best)}</Table.Td>
          <Table.Td>{loss(best.held_out_loss)}</Table.Td>
          <Table.Td>{loss(held_out_loss)}</Table.Td>
          <Table.Td>{not_told_apart.map((id) => `${kind} ${id}`).join(', ') || 'none'}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
