import { Alert, Anchor, type CSSVariablesResolver, createTheme, MantineProvider } from '@mantine/core';
import { QueryClientProvider, useQuery } from '@tanstack/react-query';
import { queryClient } from './api/query-client.ts';
import { sessionQuery } from './api/session.ts';
import { Shell } from './parts/shell/shell.tsx';
import { SignIn } from './parts/shell/sign-in.tsx';
import { Screens } from './screens.tsx';

const theme = createTheme({
  primaryColor: 'blue',
  // Dark enough for white text on it, and for links on a white page (WCAG 1.4.3).
  primaryShade: { light: 8, dark: 8 },
  fontFamily: 'system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, monospace',
  defaultRadius: 'sm',
  respectReducedMotion: true,
  // Of coloured text on its own tint too little stands out (WCAG 1.4.3).
  components: {
    Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }),
    // A link within a text differs from it by more than its colour (WCAG 1.4.1).
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
  },
});

/** Mantine's own are too faint for small text (WCAG 1.4.3). */
const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
    // Also where the pointer rests on it.
    '--mantine-color-blue-light-color': 'var(--mantine-color-text)',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-0)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-1)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
  },
});

export function App() {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Door />
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Where the service has keys, whoever has none signs in first. While it is not known, nothing is shown but the frame. */
function Door() {
  const { data: session } = useQuery(sessionQuery);
  if (session?.needs_key === true && !session.signed_in) return <SignIn />;
  return <Shell canSignOut={session?.needs_key === true}>{session !== undefined && <Screens />}</Shell>;
}
