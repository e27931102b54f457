import { Tabs } from '@mantine/core';
import type { ReactNode } from 'react';
import { useChangeAddress } from './address.ts';

/** Tabs by their names, of which the address has the one that is shown; the first is that of an address without. `children`: what it shows. */
export function NamedTabs({ names, tab, children }: { names: readonly string[]; tab: string; children: ReactNode }) {
  const change = useChangeAddress();
  return (
    <Tabs value={tab} onChange={(value) => change({ tab: value === names[0] ? null : value })} keepMounted={false}>
      <Tabs.List>
        {names.map((name) => (
          <Tabs.Tab key={name} value={name}>
            {name}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={tab} pt="md">
        {children}
      </Tabs.Panel>
    </Tabs>
  );
}
