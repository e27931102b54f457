import { Anchor, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type Role, sessionQuery } from '../api/session.ts';
import { UserText } from './user-text.tsx';

const ROLES: Role[] = ['viewer', 'trainer', 'admin'];

/**
 * Why the visitor may not do what needs this role, as a sentence; null: they may. The service decides, whatever the page offers: this keeps
 * people from what would be refused.
 */
export function useRefusal(needed: Role): string | null {
  const { data: session } = useQuery(sessionQuery);
  if (!session || session.role === null || ROLES.indexOf(session.role) >= ROLES.indexOf(needed)) return null;
  return `This needs the role ${needed}, and your key “${session.name}” has the role ${session.role}.`;
}

/** What only keys of this role may do; others see why they cannot, unless that stands beside it already (`silently`). */
export function Allowed({
  needs,
  silently = false,
  children,
}: {
  needs: Role;
  silently?: boolean;
  children: ReactNode;
}) {
  const refusal = useRefusal(needs);
  if (refusal === null) return <>{children}</>;
  if (silently) return null;
  return (
    <Text size="sm" c="dimmed" component="div">
      <UserText inline>{refusal}</UserText>
    </Text>
  );
}

/** A file of what was trained, which viewers do not take away: they see its name alone. */
export function ToDownload({ href, children }: { href: string; children: ReactNode }) {
  if (useRefusal('trainer') !== null) return <>{children}</>;
  return (
    <Anchor href={href} inherit>
      {children}
    </Anchor>
  );
}
