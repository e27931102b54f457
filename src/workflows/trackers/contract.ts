/** What the workflow of a delivery to a tracker, its activity and its client agree on. */

/** A queue of the orchestrator: what runs did is told to trackers there, for as long as they train. */
export const TRACKER_QUEUE = 'trackers';

export interface DeliveryRef {
  deliveryId: number;
}

export interface DeliveryInput extends DeliveryRef {
  /** After so long without a sign of it, the orchestrator is believed dead, and another attempt goes on. */
  heartbeatTimeoutMs: number;
}

/** How the work on a delivery ended; later: there was nothing more for now. */
export interface DeliveryEnd {
  status: 'delivered' | 'later' | 'deleted';
}

/** What runs on the queue `trackers`. */
export interface TrackerActivities {
  deliverFigures(input: DeliveryRef): Promise<DeliveryEnd>;
}
