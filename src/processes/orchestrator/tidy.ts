import { copyFile, mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { literal, Op } from 'sequelize';
import { removeDue } from '../../activities/storage/remove-due.ts';
import { linkLatest, unlinkedProjects } from '../../activities/versions/link-latest.ts';
import { Worker } from '../../models/pool/worker.ts';
import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';

const MOST_LOG_BYTES = 32 * 1024 ** 2;
/** Rows of workers that ended are of use to whoever looks for the reason. */
const KEEP_WORKERS_DAYS = 30;

/**
 * Removes what the policy of each kind says (src/activities/storage/), sets links that a killed process did not, keeps logs short, and
 * forgets workers that ended long ago. Each part by itself: one that fails keeps no other from its work.
 */
export class Tidying {
  readonly #env: Env;
  readonly #logger: Logger;

  constructor(env: Env, logger: Logger) {
    this.#env = env;
    this.#logger = logger;
  }

  async pass(): Promise<void> {
    for (const part of [
      () => removeDue(this.#env, this.#logger),
      () => this.#links(),
      () => this.#logs(),
      () => this.#workers(),
    ]) {
      await part().catch((error: unknown) => this.#logger.warn({ err: error }, 'Something could not be tidied up.'));
    }
  }

  /** What cannot be tidied up, since its disk is away, keeps nothing else from it. */
  async #each<T>(items: T[], nameOf: (item: T) => object, work: (item: T) => Promise<void>): Promise<void> {
    for (const item of items)
      await work(item).catch((err: unknown) =>
        this.#logger.warn({ err, ...nameOf(item) }, 'Something could not be tidied up.'),
      );
  }

  /** Whoever decided on a latest version was killed before the link was set to it. */
  async #links(): Promise<void> {
    await this.#each(await unlinkedProjects(), byProject, async (project_id) => {
      const warning = await linkLatest(this.#env, { project_id, job_id: null });
      this.#logger.info({ projectId: project_id, warning }, 'Set the link to the latest version of a project.');
    });
  }

  /** Whoever writes a log has it open, and appends: it is copied and emptied. */
  async #logs(): Promise<void> {
    const dir = join(this.#env.home, 'logs');
    await mkdir(dir, { recursive: true });
    const files = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isFile());
    const logs = files.map(({ name }) => name).filter((name) => name.endsWith('.log'));
    await this.#each(logs, byName, async (name) => {
      const path = join(dir, name);
      if ((await stat(path)).size <= MOST_LOG_BYTES) return;
      await copyFile(path, `${path}.1`);
      await truncate(path);
    });
  }

  async #workers(): Promise<void> {
    const age = literal(`stopped_at < now() - interval '${KEEP_WORKERS_DAYS} days'`);
    await Worker.destroy({ where: { desired: 'stopped', pid: null, [Op.and]: age } });
  }
}

const byProject = (projectId: number) => ({ projectId });
const byName = (name: string) => ({ name });
