/** What a key may do, from the least to the most: each may do what those before it may. */
export const ROLES = ['viewer', 'trainer', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Whether who has this role may do what needs that one. */
export function mayDo(has: Role, needed: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needed);
}

/** Who asks. */
export interface Principal {
  /** That of its key: what lists of who did what show. */
  name: string;
  role: Role;
  /** Its row in `api_keys`; null: a key of MTM_API_KEYS, or anyone, where the service asks for no key. */
  keyId: number | null;
}

/** Whoever asks a service that has no keys. No key has a name with parentheses. */
export const ANYONE: Principal = { name: '(anyone)', role: 'admin', keyId: null };
