import type { Key } from '../api/types.ts';

export const ROLES = ['viewer', 'trainer', 'admin'] as const satisfies Key['role'][];

export interface AddOptions {
  role: Key['role'];
  expires: string;
  maxRuns: string;
}
