import { useMantineColorScheme } from '@mantine/core';
import { useLocation } from 'wouter';
import { Dialog } from '../dialog.tsx';
import { useScheme } from '../scheme.ts';
import type { Hit } from './hits.ts';
import { KeyList } from './key-list.tsx';
import { SearchField } from './search-field.tsx';
import type { View } from './use-keys.ts';

/** The search, or the keys that there are; both in one dialog. */
export default function SearchDialog({ view, onView }: { view: View | null; onView: (view: View | null) => void }) {
  const [, navigate] = useLocation();
  const { setColorScheme } = useMantineColorScheme();
  const otherScheme = useScheme() === 'dark' ? 'light' : 'dark';
  const take = ({ does }: Hit) => {
    if ('change' in does && does.change === 'keys') return onView('keys');
    onView(null);
    if ('to' in does) navigate(does.to);
    else setColorScheme(otherScheme);
  };
  return (
    <Dialog
      title={view === 'keys' ? 'Keyboard shortcuts' : 'Search'}
      size="lg"
      isOpen={view !== null}
      onClose={() => onView(null)}
      returnsFocus={false}
    >
      {view === 'keys' ? <KeyList /> : <SearchField onTake={take} />}
    </Dialog>
  );
}
