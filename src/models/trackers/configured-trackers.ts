import { join } from 'node:path';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { TRACKERS, type Tracker } from './trackers.ts';

type Places = Pick<Env, 'mlflowUrl' | 'mlflowToken' | 'wandbDir' | 'trackioDir' | 'trackerProject'>;

/** Where each is, and the setting that says so. */
const PLACES: Record<Tracker, { setting: string; of: (env: Places) => string | undefined }> = {
  mlflow: { setting: 'MTM_MLFLOW_URL', of: ({ mlflowUrl }) => mlflowUrl },
  wandb: { setting: 'MTM_WANDB_DIR', of: ({ wandbDir }) => wandbDir },
  trackio: { setting: 'MTM_TRACKIO_DIR', of: ({ trackioDir }) => trackioDir },
};

/** Those that may be named. */
export function configuredTrackers(env: Places): Tracker[] {
  return TRACKERS.filter((tracker) => PLACES[tracker].of(env) !== undefined);
}

/**
 * @param at where the request names them
 * @throws UserError naming the setting of a tracker that nobody configured
 */
export function requireConfigured(
  env: Places,
  trackers: Tracker[],
  at: { field: string; code?: string } = { field: 'trackers' },
): void {
  for (const tracker of trackers) {
    const { setting, of } = PLACES[tracker];
    if (of(env) !== undefined) continue;
    const message = `${at.field}: ${JSON.stringify(tracker)} is not configured here. Leave it out, or have ${setting} set for the API and the orchestrator.`;
    throw new UserError(message, at);
  }
}

/** What the process that speaks to a tracker is given of it. */
export function trackerEnvironment(env: Places, tracker: Tracker): Record<string, string> {
  const place = PLACES[tracker].of(env) ?? '';
  return {
    MTM_TRACKER_PLACE: place,
    MTM_TRACKER_PROJECT: env.trackerProject,
    ...(tracker === 'mlflow' ? mlflowEnvironment(env, place) : {}),
    ...(tracker === 'trackio' ? { TRACKIO_DIR: place } : {}),
    ...(tracker === 'wandb' ? { WANDB_MODE: 'offline', WANDB_CACHE_DIR: join(place, 'cache') } : {}),
  };
}

/** Users and passwords are no part of the address, which is shown. */
function mlflowEnvironment({ mlflowToken }: Places, place: string): Record<string, string> {
  const { username, password } = new URL(place);
  return {
    MTM_TRACKER_PLACE: place.replace(/^(\w+:\/\/)[^/@]*@/, '$1'),
    ...(username === '' ? {} : { MLFLOW_TRACKING_USERNAME: decodeURIComponent(username) }),
    ...(password === '' ? {} : { MLFLOW_TRACKING_PASSWORD: decodeURIComponent(password) }),
    ...(mlflowToken === undefined ? {} : { MLFLOW_TRACKING_TOKEN: mlflowToken }),
  };
}
