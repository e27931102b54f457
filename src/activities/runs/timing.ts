/**
 * All times of a lease follow from one: how long a silent worker is believed alive. The watchdog ends the trainer, and
 * the kernel has time to do it, before the lease runs out; the lease runs out no later than Temporal tries elsewhere.
 */
export function leaseTiming(heartbeatTimeoutMs: number) {
  return {
    /** Between renewals of the lease, each with a heartbeat. */
    renewEveryMs: Math.floor(heartbeatTimeoutMs / 6),
    ttlMs: heartbeatTimeoutMs,
    /** Without an acknowledged renewal for so long, the trainer is killed. */
    watchdogMs: Math.floor(heartbeatTimeoutMs * 0.6),
  };
}
