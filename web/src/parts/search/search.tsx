import { Button, Kbd } from '@mantine/core';
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { useRememberVisits } from './recent.ts';
import { useKeys, type View } from './use-keys.ts';
import './search.css';

const SearchDialog = lazy(() => import('./search-dialog.tsx'));

/** Searches the whole, from every screen: by a button, or by keyboard. What it does changes nothing of the screen below. */
export function Search() {
  const [view, setView] = useState<View | null>(null);
  const opener = useRef<Element | null>(null);
  const change = (next: View | null) => {
    if (view === null) opener.current = document.activeElement;
    setView(next);
  };
  // The field takes the focus before the dialog could see who had it.
  useEffect(() => {
    if (view !== null || !(opener.current instanceof HTMLElement)) return;
    opener.current.focus({ preventScroll: true });
    opener.current = null;
  }, [view]);
  useRememberVisits();
  useKeys(change);
  return (
    <>
      <Button
        size="compact-sm"
        variant="default"
        onClick={() => change('search')}
        aria-keyshortcuts="Control+K Meta+K /"
        aria-haspopup="dialog"
      >
        Search
        <Kbd size="xs" ml={6} visibleFrom="sm" aria-hidden="true">
          /
        </Kbd>
      </Button>
      <Suspense>
        <SearchDialog view={view} onView={change} />
      </Suspense>
    </>
  );
}
