import type { ReactNode } from 'react';

/** What may be wider than the screen: it scrolls in its own place, also by keyboard, and not with the page. */
export function Scrolled({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard (WCAG 2.1.1)
    <section className="scrolled" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
