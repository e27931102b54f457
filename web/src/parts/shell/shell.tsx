import {
  Anchor,
  AppShell,
  Box,
  Burger,
  Button,
  Group,
  NavLink,
  ScrollArea,
  Text,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useSyncExternalStore } from 'react';
import { Link, useLocation } from 'wouter';
import { connection } from '../../api/connection.ts';
import { healthQuery } from '../../api/service.ts';
import { sessionKey, sessionQuery, signOut } from '../../api/session.ts';
import { Allowed } from '../allowed.tsx';
import { useScheme } from '../scheme.ts';
import { Search } from '../search/search.tsx';
import { UserText } from '../user-text.tsx';
import { Banner } from './banner.tsx';
import { PLACES } from './places.ts';
import { UploadsPanel } from './uploads-panel.tsx';

/** The frame of every screen: where one can go, and whether the service is there. */
export function Shell({ canSignOut, children }: { canSignOut: boolean; children: ReactNode }) {
  const [isOpen, menu] = useDisclosure(false);
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  const isAway = useSyncExternalStore(connection.subscribe, () => connection.lostAt !== null);
  useFocusOnScreen(main, location);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 190, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <button type="button" className="to-content" onClick={() => main.current?.focus()}>
        Go to the content
      </button>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap" miw={0}>
            <Burger opened={isOpen} onClick={menu.toggle} hiddenFrom="sm" size="sm" aria-label="Menu" />
            <Text component={Link} href="/" fw={700} c="inherit" truncate>
              Model Training Manager
            </Text>
          </Group>
          <Group gap="xs" wrap="nowrap" flex="none">
            <Search />
            <SchemeButton />
            {canSignOut && <WhoIsSignedIn />}
            {canSignOut && <SignOutButton />}
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs">
        <AppShell.Section grow component={ScrollArea}>
          {PLACES.map(({ address, label, role = 'viewer' }) => (
            <Allowed key={address} needs={role} silently>
              <NavLink
                component={Link}
                href={address}
                label={label}
                active={address === location}
                aria-current={address === location ? 'page' : undefined}
                onClick={menu.close}
              />
            </Allowed>
          ))}
        </AppShell.Section>
        <AppShell.Section>
          <Version />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" ref={main} tabIndex={-1}>
        <Banner />
        <Box className={isAway ? 'content stale' : 'content'}>{children}</Box>
        <UploadsPanel />
      </AppShell.Main>
    </AppShell>
  );
}

/** Who reads a page by ear hears that it is another one: the focus goes to its beginning, but not when the page is first loaded. */
function useFocusOnScreen(main: { current: HTMLElement | null }, location: string): void {
  const shown = useRef(location);
  useEffect(() => {
    if (shown.current === location) return;
    shown.current = location;
    // A screen may have given it to what the address names.
    if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [main, location]);
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const next = useScheme() === 'dark' ? 'light' : 'dark';
  return (
    <Button
      size="compact-sm"
      variant="default"
      onClick={() => setColorScheme(next)}
      aria-label={`Show the page ${next}`}
    >
      <span aria-hidden="true">{next === 'dark' ? '☾' : '☀'}</span>
    </Button>
  );
}

/** Whose key this browser has, and what it may do. */
function WhoIsSignedIn() {
  const { data: session } = useQuery(sessionQuery);
  if (!session?.name) return null;
  return (
    <Text size="sm" maw={220} truncate visibleFrom="sm" title={`${session.name}, ${session.role}`}>
      <UserText inline>{session.name}</UserText>, {session.role}
    </Text>
  );
}

function SignOutButton() {
  const queries = useQueryClient();
  const leave = async () => {
    await signOut();
    queries.clear();
    await queries.invalidateQueries({ queryKey: sessionKey });
    window.location.assign('/');
  };
  return (
    <Button size="compact-sm" variant="default" onClick={leave}>
      Sign out
    </Button>
  );
}

function Version() {
  const { data: health } = useQuery(healthQuery);
  return (
    <Text size="xs" c="dimmed" px="sm">
      {health ? `Version ${health.version}` : ''}{' '}
      <Anchor href="/docs" underline="always">
        API
      </Anchor>
    </Text>
  );
}
