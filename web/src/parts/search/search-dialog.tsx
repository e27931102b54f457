import { useMantineColorScheme } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { Dialog } from '../dialog.tsx';
import { useScheme } from '../scheme.ts';
import type { Hit } from './hits.ts';
import { KeyList } from './key-list.tsx';
import { SearchField } from './search-field.tsx';
import type { View } from './use-keys.ts';

/** The search, or the keys that there are; both in one dialog, which knows where the focus was before. */
export default function SearchDialog({ view, onView }: { view: View | null; onView: (view: View | null) => void }) {
  // What it showed last stays in it while it fades.
  const [lastView, setLastView] = useState<View>('search');
  if (view !== null && view !== lastView) setLastView(view);
  const [, navigate] = useLocation();
  const { setColorScheme } = useMantineColorScheme();
  const otherScheme = useScheme() === 'dark' ? 'light' : 'dark';
  const take = ({ does }: Hit) => {
    if ('change' in does && does.change === 'keys') return onView('keys');
    onView(null);
    if ('to' in does) navigate(does.to);
    else setColorScheme(otherScheme);
  };
  const shown = view ?? lastView;
  return (
    <Dialog
      title={shown === 'search' ? 'Search' : 'Keys'}
      size="lg"
      isOpen={view !== null}
      onClose={() => onView(null)}
    >
      {shown === 'search' ? <SearchField onTake={take} /> : <KeyList />}
    </Dialog>
  );
}
