import type { Job, Project, TrackersOfRun } from '../api/types.ts';
import { columns, facts } from '../terminal/table.ts';
import { isEnded, progressText } from './progress-text.ts';
import { chosenSettings, modelOf } from './settings.ts';

type Kind = 'job' | 'project';

/** Jobs or projects, a line each. */
export function listText(kind: Kind, owners: (Job | Project)[], none: string): string {
  if (owners.length === 0) return none;
  return columns([
    ['ID', 'NAME', 'MODEL', 'TYPE', 'STATUS', ''],
    ...owners.map((owner) => [
      `${kind}-${owner.id}`,
      owner.name,
      modelOf(owner),
      owner.training_type,
      owner.status,
      standsText(owner),
    ]),
  ]);
}

/** One of them, with what its latest run is at, or came to. */
export function ownerText(kind: Kind, owner: Job | Project, trackers: TrackersOfRun['items']): string {
  const { id, name, description, status, training_type, run_number } = owner;
  const settings = Object.entries(chosenSettings(owner)).map(([key, value]) => `${key} ${value}`);
  return facts([
    ['ID', `${kind}-${id}`],
    ['Name', name],
    ['Description', description],
    ['Asked for by', owner.created_by],
    ['Base model', modelOf(owner)],
    ['Type', training_type],
    ['Settings', settings.join(', ')],
    ['Run', run_number === null ? 'none yet' : `${kind}-${id}-run-${run_number}`],
    ['Status', status],
    [isEnded(owner) ? 'Result' : 'Now', standsText(owner)],
    ['Verdict', owner.verdict_summary],
    ['Model', owner.output_path],
    ...trackers.map((one): [string, string] => [one.tracker, trackerText(one)]),
  ]);
}

function trackerText({ status, step, address, waiting_for }: TrackersOfRun['items'][number]): string {
  const has = status === 'delivered' ? 'has all' : `has it up to step ${step}`;
  return [`${has}${address === null ? '' : `: ${address}`}`, waiting_for].filter(Boolean).join('. It waits: ');
}

function standsText(owner: Job | Project): string {
  if (owner.run_number === null) return 'not started';
  if (!isEnded(owner)) return progressText(owner);
  return owner.error_message ?? owner.verdict ?? '';
}
