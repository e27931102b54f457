import type { Target } from './faults.ts';
import { takeReceiverAway } from './receiver-beside.ts';
import { cleanMeanwhile } from './retention-beside.ts';
import type { Plannable, When } from './schedule.ts';

/**
 * What happens beside a run and must not disturb it: at its moment, while the faults of the schedule go on to hit. What it finds
 * broken goes to the world's violations.
 */
export interface Beside extends Plannable {
  does: string;
  /** Returns once what was taken away is back. */
  begin(target: Target): Promise<void>;
}

const ANY_TIME: readonly When[] = ['created', 'queued', 'loading', 'step', 'step', 'step', 'exporting', 'validating'];

export const BESIDES: readonly Beside[] = [
  {
    name: 'receiver away',
    does: 'the receiver of webhooks is away for 2 to 9 seconds',
    moments: ANY_TIME,
    begin: takeReceiverAway,
  },
  {
    name: 'retention',
    does: 'policies keep as little as may be set, and what is due is removed five times',
    moments: ANY_TIME,
    begin: cleanMeanwhile,
  },
];
