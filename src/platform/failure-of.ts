import { TransientError, UserError } from './failure.ts';
import { errnoOf, isDiskFull } from './files.ts';
import { isDatabaseAway } from './postgres/database-away.ts';
import { sqlStateOf } from './postgres/sql-state.ts';

/** By what can be done about it. */
export type FailureKind = 'transient' | 'user' | 'disk_full' | 'bug';

export interface Failure {
  kind: FailureKind;
  /** For a person: what went wrong, and what to do. */
  sentence: string;
}

/** Errors of the system that come from the machine or the network, not from what was asked: errno(3). */
const OF_THE_MACHINE: Record<string, string> = {
  EIO: 'The disk has errors',
  ESTALE: 'The network disk lost a file that was open',
  EMFILE: 'This process has too many files open',
  ENFILE: 'This machine has too many files open',
  ENOMEM: 'This machine has no memory left',
  EAGAIN: 'This machine has no process or memory to spare',
  EBUSY: 'A file is in use',
  ETXTBSY: 'A program is being written',
  ETIMEDOUT: 'The network did not answer in time',
  ECONNREFUSED: 'A server refused the connection',
  ECONNRESET: 'A server broke the connection off',
  EPIPE: 'A process that was written to has ended',
  EHOSTUNREACH: 'A machine cannot be reached',
  ENETUNREACH: 'The network cannot be reached',
  ENOTCONN: 'The network disk is not connected',
  ENOLCK: 'The file system gives no locks',
};
/** And those that a person has to mend. */
const OF_PERMISSIONS: Record<string, string> = {
  EACCES: 'The service may not use a file or folder',
  EPERM: 'The file system does not allow what the service does',
  EROFS: 'The disk is read-only',
  EXDEV: 'A file cannot be moved or linked to another disk',
  ENOTSUP: 'The file system cannot do what the service needs',
  ENOTDIR: 'A file is where a folder should be',
  EISDIR: 'A folder is where a file should be',
  ENOTEMPTY: 'A folder that should be empty is not',
  EEXIST: 'A file is where none should be',
  ELOOP: 'Links lead in a circle',
  ENAMETOOLONG: 'A name is longer than the file system takes',
  EINVAL: 'The file system does not take what the service asks of it',
  EFBIG: 'A file is larger than the file system or a limit allows',
  EDQUOT: 'The quota of the disk is used up',
  ENOENT: 'A file or folder is missing',
};

/** And of PostgreSQL that is there, by its codes: what ends well when it is done again. */
const OF_THE_DATABASE: Record<string, string> = {
  '57014': 'The database needed longer for a statement than it may take',
  '40P01': 'Two transactions waited for each other',
  '40001': 'Two transactions changed the same',
  '53200': 'The database has no memory left',
  '53300': 'The database has no connection to spare',
};

/** Whether the machine failed, and not what it was asked: the same may well succeed the next time. */
export function isOfTheMachine(error: unknown): boolean {
  const code = errnoOf(error);
  return code !== null && code in OF_THE_MACHINE;
}

/**
 * The one place that decides what a failure is: activities, the dispatcher, the reconciler and the API go by it. What is
 * not known is a bug.
 */
export function failureOf(error: unknown): Failure {
  if (isDiskFull(error)) return { kind: 'disk_full', sentence: 'The disk is full. Make room on it.' };
  if (isDatabaseAway(error)) return { kind: 'transient', sentence: 'The database does not answer.' };
  const state = sqlStateOf(error);
  if (state in OF_THE_DATABASE) return { kind: 'transient', sentence: `${OF_THE_DATABASE[state]}.` };
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UserError) return { kind: 'user', sentence: message };
  if (error instanceof TransientError) return { kind: 'transient', sentence: message };
  const code = errnoOf(error);
  if (code !== null && code in OF_THE_MACHINE)
    return { kind: 'transient', sentence: `${OF_THE_MACHINE[code]} (${message}).` };
  if (code !== null && code in OF_PERMISSIONS)
    return { kind: 'transient', sentence: `${OF_PERMISSIONS[code]} (${message}). Mend that.` };
  const name = error instanceof Error ? error.name : typeof error;
  return { kind: 'bug', sentence: `The service failed in a way that it does not know (${name}: ${message}).` };
}
