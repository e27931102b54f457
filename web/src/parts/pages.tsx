import { Pagination } from '@mantine/core';
import { useChangeAddress, useNumberParam } from './address.ts';

/** Which page of a list is shown; it stands in the address. */
export function usePage(): number {
  return Math.max(1, useNumberParam('page') ?? 1);
}

/** The pages of a list that has several. */
export function Pages({ total }: { total: number }) {
  const page = usePage();
  const change = useChangeAddress();
  if (total <= 1) return null;
  return (
    <Pagination
      total={total}
      value={page}
      onChange={(next) => change({ page: next === 1 ? null : String(next) })}
      getItemProps={(nth) => ({ 'aria-label': `Page ${nth}` })}
      getControlProps={(control) => ({ 'aria-label': `${control} page` })}
    />
  );
}
