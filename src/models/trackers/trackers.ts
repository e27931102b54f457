/** Where the figures of runs may be sent as well; src/models/trackers/configured-trackers.ts says where each is. */
export const TRACKERS = ['mlflow', 'wandb', 'trackio'] as const;
export type Tracker = (typeof TRACKERS)[number];
