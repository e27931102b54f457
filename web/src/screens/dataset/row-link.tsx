import { Anchor } from '@mantine/core';
import { useChangeAddress } from '../../parts/address.ts';

/** Leads to a row, on the tab that shows rows. */
export function RowLink({ row }: { row: number }) {
  const change = useChangeAddress();
  return (
    <Anchor component="button" type="button" inherit onClick={() => change({ tab: null, row: String(row) })}>
      row {row}
    </Anchor>
  );
}
