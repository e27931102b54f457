import type { Orchestration } from '../../commands/workflows/client.ts';
import { planBackups } from '../../models/backups/backup-schedule.ts';
import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';

/**
 * Has the schedule of backups be as the settings say: at the start, which is when settings change, and again and again, since somebody may have
 * deleted it in Temporal, or Temporal lost its database.
 */
export class BackupScheduling {
  readonly #env: Env;
  readonly #orchestration: Orchestration;
  readonly #logger: Logger;
  #hasBegun = false;

  constructor(env: Env, orchestration: Orchestration, logger: Logger) {
    this.#env = env;
    this.#orchestration = orchestration;
    this.#logger = logger;
  }

  /** Rejects when the database or Temporal is away. */
  async pass(): Promise<void> {
    const { backupDir: directory, backupEveryHours: everyHours } = this.#env;
    const plan = directory === undefined ? null : { directory, everyHours };
    const hasSucceeded = await planBackups(plan);
    const done = await this.#orchestration.setBackupSchedule(plan);
    if (done !== null) this.#logger.info({ directory, everyHours }, `The schedule of backups was ${done}.`);
    // A folder that cannot be written shows at once, and not on the first night.
    if (plan && !hasSucceeded && !this.#hasBegun) await this.#orchestration.backUpNow();
    this.#hasBegun = true;
  }
}
