import type { Role } from '../../api/session.ts';

/** The screens that stand in the menu. `role`: of those that others have nothing of; `words`: others by which they are found. */
export const PLACES: { address: string; label: string; role?: Role; words?: string }[] = [
  { address: '/', label: 'Overview' },
  { address: '/runs', label: 'Runs' },
  { address: '/queue', label: 'Queue' },
  { address: '/sweeps', label: 'Sweeps' },
  { address: '/datasets', label: 'Datasets' },
  { address: '/new', label: 'New training', role: 'trainer' },
  { address: '/models', label: 'Base models' },
  { address: '/storage', label: 'Storage', words: 'disk full space clean retention pinned' },
  { address: '/settings', label: 'Settings' },
  { address: '/keys', label: 'Keys', role: 'admin' },
];
