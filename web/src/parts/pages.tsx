import { Pagination } from '@mantine/core';
import { useChangeAddress, useNumberParam } from './address.ts';

/** Which page of a list is shown; it stands in the address, as `name` where a screen has several lists. */
export function usePage(name = 'page'): number {
  return Math.max(1, useNumberParam(name) ?? 1);
}

/** The pages of a list that has several. */
export function Pages({ total, name = 'page' }: { total: number; name?: string }) {
  const page = usePage(name);
  const change = useChangeAddress();
  if (total <= 1) return null;
  return (
    <Pagination
      total={total}
      value={page}
      onChange={(next) => change({ [name]: next === 1 ? null : String(next) })}
      getItemProps={(nth) => ({ 'aria-label': `Page ${nth}` })}
      getControlProps={(control) => ({ 'aria-label': `${control} page` })}
    />
  );
}
