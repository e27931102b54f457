/** What receivers can be told of, with what it means. */
export const NOTIFICATION_EVENTS = {
  'run.completed': 'A run completed: its model is published',
  'run.failed': 'A run failed',
  'run.paused':
    'A run is to pause, since somebody asked for it or a disk is full; not what its sweep holds for a while',
  'run.worse_than_base':
    'A run completed, and its model is worse than its base on rows that neither was trained on; beside run.completed',
  'worker.lost': 'A training worker ended without having been asked to, or its host is away',
  'disk.low': 'A disk of the orchestrator’s machine has less than 5 GB left; again only after it had 6 GB',
} as const;

export type NotificationEvent = keyof typeof NOTIFICATION_EVENTS;
export const EVENT_NAMES = Object.keys(NOTIFICATION_EVENTS) as NotificationEvent[];

/** Of what somebody asks for, to see whether it arrives. */
export const TEST_EVENT = 'test';
export type DeliveredEvent = NotificationEvent | typeof TEST_EVENT;

/** What receivers learn of a run. */
export interface RunNews {
  id: number;
  /** As its workflow: `job-1-run-2`. */
  name: string;
  number: number;
  job_id: number | null;
  project_id: number | null;
  owner_name: string;
  created_by: string | null;
  status: string;
  base_model: string;
  training_type: string;
  progress: number;
  current_step: number;
  total_steps: number | null;
  loss: number | null;
  error_class: string | null;
  pause_reason: string | null;
  verdict: string | null;
  traits: { trait: string; rows: number; verdict: string; base_loss: number; tuned_loss: number }[];
  started_at: string | null;
  finished_at: string | null;
}

export interface WorkerNews {
  id: string;
  host: string;
  device: string | null;
  run_id: number | null;
}

export interface DiskNews {
  host: string;
  path: string;
  holds: string[];
  bytes: number;
  free_bytes: number;
}

/** What is kept of an event: small, and no content of datasets or models. The address of its run is added when it is sent. */
export interface News {
  sentence: string;
  run: RunNews | null;
  worker: WorkerNews | null;
  disk: DiskNews | null;
}

const MOST_CHARACTERS = 1_000;

/** Of one thing; `sentence` as long as a message may have it. */
export function newsOf(sentence: string, about: Partial<Omit<News, 'sentence'>> = {}): News {
  const characters = [...sentence];
  const short =
    characters.length > MOST_CHARACTERS ? `${characters.slice(0, MOST_CHARACTERS - 1).join('')}…` : sentence;
  return { sentence: short, run: null, worker: null, disk: null, ...about };
}
