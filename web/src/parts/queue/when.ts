import type { QueueChange } from '../../api/types.ts';

export const PRIORITIES = ['high', 'normal', 'low'] as const;
type Priority = (typeof PRIORITIES)[number];

/** When a run is to begin, as somebody typed or chose it. */
export interface WhenDraft {
  priority: Priority;
  /** As the field of the browser has it, in the zone of the viewer: `2030-01-31T22:00`; '': at any time. */
  notBefore: string;
  /** `job-3` or `project 2`; '': nothing. */
  after: string;
}

export const AS_ITS_TURN_COMES: WhenDraft = { priority: 'normal', notBefore: '', after: '' };

const AFTER = /^(job|project)[\s-]*([1-9]\d{0,9})$/i;

export type WhenPlace = 'not_before' | 'after';

/** What the service would not understand. */
export function problemsOfWhen({ notBefore, after }: WhenDraft): { place: WhenPlace; sentence: string }[] {
  return [
    ...(notBefore !== '' && Number.isNaN(new Date(notBefore).getTime())
      ? [{ place: 'not_before' as const, sentence: `Not before: ${notBefore} is no date with a time.` }]
      : []),
    ...(after.trim() !== '' && !AFTER.test(after.trim())
      ? [{ place: 'after' as const, sentence: `After: ${after} names no run. Write it as job-3 or project-2.` }]
      : []),
  ];
}

function afterOf(after: string) {
  const [, kind, id] = AFTER.exec(after.trim()) ?? [];
  if (kind === undefined) return null;
  return kind.toLowerCase() === 'job' ? { job_id: Number(id) } : { project_id: Number(id) };
}

/** For a run that is there: what was emptied is taken away. */
export function changeOf({ priority, notBefore, after }: WhenDraft) {
  return { priority, not_before: notBefore === '' ? null : new Date(notBefore).toISOString(), after: afterOf(after) };
}

/** For a new run: what is as for any other is left out. */
export function whenOf(draft: WhenDraft): Pick<QueueChange, 'priority' | 'not_before' | 'after'> {
  if (problemsOfWhen(draft).length > 0) return {};
  const { priority, not_before, after } = changeOf(draft);
  return {
    ...(priority === 'normal' ? {} : { priority }),
    ...(not_before === null ? {} : { not_before }),
    ...(after === null ? {} : { after }),
  };
}

/** What a run was asked with. */
export function draftOfWhen({ priority, not_before, after }: Required<ReturnType<typeof changeOf>>): WhenDraft {
  return { priority, notBefore: not_before === null ? '' : localOf(new Date(not_before)), after: afterText(after) };
}

/** The thing that is waited for, as it is typed; '': nothing. */
export function afterText(after: { job_id: number } | { project_id: number } | null): string {
  if (after === null) return '';
  return 'job_id' in after ? `job-${after.job_id}` : `project-${after.project_id}`;
}

/** As a field of the type datetime-local takes it. */
function localOf(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, date.getSeconds() === 0 ? 16 : 19);
}
