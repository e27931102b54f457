import { Button, Kbd } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { useRememberVisits } from './recent.ts';
import { useKeys, type View } from './use-keys.ts';
import './search.css';

const SearchDialog = lazy(() => import('./search-dialog.tsx'));

/** Searches the whole, from every screen: by a button, or by keyboard. What it does changes nothing of the screen below. */
export function Search() {
  const [view, setView] = useState<View | null>(null);
  useRememberVisits();
  useKeys(setView);
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        onClick={() => setView('search')}
        aria-keyshortcuts="Control+K Meta+K /"
        aria-haspopup="dialog"
      >
        Search
        <Kbd size="xs" ml={6} visibleFrom="sm" aria-hidden="true">
          /
        </Kbd>
      </Button>
      <Suspense>
        <SearchDialog view={view} onView={setView} />
      </Suspense>
    </>
  );
}
