import { copyFile, mkdir, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { literal, Op, QueryTypes } from 'sequelize';
import { linkLatest, unlinkedProjects } from '../../activities/versions/link-latest.ts';
import { forgetOldAudit } from '../../models/audit/read-audit.ts';
import { Worker } from '../../models/pool/worker.ts';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { DeletedRun } from '../../models/runs/deleted-run.ts';
import { connection, Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { ifThere } from '../../platform/files.ts';
import type { Logger } from '../../platform/logger.ts';
import { mixturesDir } from '../../runs/mixture-store.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { keptStarts, startsDir } from '../../runs/starts.ts';
import { tidyTrainerCache } from '../../runs/trainer-cache.ts';

/** No statement takes long, however much a run left. */
const ROWS_AT_ONCE = 20_000;
const RUNS_AT_ONCE = 50;
/** A mixture that no run has any more may be about to be taken by one; what is half made is given up after a day. */
const UNUSED_MS = 3_600_000;
const HALF_MADE_MS = 24 * 3_600_000;
const MOST_LOG_BYTES = 32 * 1024 ** 2;
/** Rows and logs of workers that ended are of use to whoever looks for the reason. */
const KEEP_WORKERS_DAYS = 30;

/**
 * Sets links that a killed process did not, and removes what nobody needs any more: what deleted runs left, what a published run was trained with, mixtures that no run has, what trainers
 * kept of models that nobody trains with any more, logs and rows of workers that ended long ago, and of the audit list what is older than it keeps. Each part by itself: one that fails keeps no other from its work.
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
      () => this.#deletedRuns(),
      () => this.#publishedRuns(),
      () => this.#links(),
      () => this.#mixtures(),
      () => this.#starts(),
      () => tidyTrainerCache(this.#env),
      () => this.#logs(),
      () => this.#workers(),
      () => forgetOldAudit(this.#env.keepAuditDays),
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

  /** Their rows are gone, so nobody finds what is left of them but this list. */
  async #deletedRuns(): Promise<void> {
    // Any of them: those that fail again and again would be the first ones for ever.
    const found = await DeletedRun.findAll({ order: literal('random()'), limit: RUNS_AT_ONCE });
    await this.#each(found, byRun, async (deleted) => {
      for (const table of ['run_metrics', 'run_events']) await deleteInBatches(table, deleted.id);
      await new RunFolder(this.#env, deleted.placed()).remove();
      await deleted.destroy();
    });
  }

  /** A completed run is never gone on with: its checkpoints and token caches are most of what it takes. */
  async #publishedRuns(): Promise<void> {
    const age = literal(`finished_at < now() - interval '${this.#env.keepWorkDays * 86_400} seconds'`);
    const where = { status: 'completed', tidied_at: null, [Op.and]: age };
    const found = await Run.findAll({ where, order: literal('random()'), limit: RUNS_AT_ONCE });
    await this.#each(found, byRun, async (run) => {
      await new RunFolder(this.#env, run).removeWork();
      await Checkpoint.update({ state: 'pruned' }, { where: { run_id: run.id, state: 'complete' } });
      await Run.update({ tidied_at: new Date() }, { where: { id: run.id }, silent: true });
      this.#logger.info({ runId: run.id }, 'Removed the checkpoints of a run that was published.');
    });
  }

  /** Whoever decided on a latest version was killed before the link was set to it. */
  async #links(): Promise<void> {
    await this.#each(await unlinkedProjects(), byProject, async (project_id) => {
      const warning = await linkLatest(this.#env, { project_id, job_id: null });
      this.#logger.info({ projectId: project_id, warning }, 'Set the link to the latest version of a project.');
    });
  }

  /** A mixture of which no run has a name is one that only the store has. */
  async #mixtures(): Promise<void> {
    const dir = mixturesDir(this.#env);
    await this.#each((await ifThere(readdir(dir))) ?? [], byName, async (name) => {
      const path = join(dir, name);
      const isWhole = /^[0-9a-f]+$/.test(name);
      const found = await ifThere(stat(isWhole ? join(path, 'train.parquet') : path));
      if (!found) return;
      const ageMs = Date.now() - found.ctimeMs;
      const isUnused = isWhole && found.nlink === 1 && ageMs > UNUSED_MS;
      if (isUnused || (!isWhole && ageMs > HALF_MADE_MS)) await rm(path, { recursive: true, force: true });
    });
  }

  /** What no run begins from that may still go on. It may be about to be one's. */
  async #starts(): Promise<void> {
    const kept = await keptStarts(this.#env);
    if (kept.length === 0) return;
    const needed = await connection().query<{ sha256: string }>(
      `SELECT spec->'start'->>'sha256' AS sha256 FROM runs WHERE tidied_at IS NULL AND spec ? 'start'`,
      { type: QueryTypes.SELECT },
    );
    const unused = kept.filter((name) => !needed.some(({ sha256 }) => sha256 === name));
    await this.#each(unused, byName, async (name) => {
      const path = join(startsDir(this.#env), name);
      const found = await ifThere(stat(path));
      if (found && Date.now() - found.ctimeMs > UNUSED_MS) await rm(path, { recursive: true, force: true });
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
      const { size, mtimeMs } = await stat(path);
      if (name.startsWith('worker-') && Date.now() - mtimeMs > KEEP_WORKERS_DAYS * 86_400_000)
        await rm(path, { force: true });
      else if (size > MOST_LOG_BYTES) {
        await copyFile(path, `${path}.1`);
        await truncate(path);
      }
    });
  }

  async #workers(): Promise<void> {
    const age = literal(`stopped_at < now() - interval '${KEEP_WORKERS_DAYS} days'`);
    await Worker.destroy({ where: { desired: 'stopped', pid: null, [Op.and]: age } });
  }
}

const byRun = ({ id }: { id: number }) => ({ runId: id });
const byProject = (projectId: number) => ({ projectId });
const byName = (name: string) => ({ name });

async function deleteInBatches(table: string, runId: number): Promise<void> {
  for (;;) {
    const [rows] = await connection().query<{ n: number }>(
      `WITH gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE run_id = $runId LIMIT ${ROWS_AT_ONCE})) RETURNING 1)
       SELECT count(*)::int AS n FROM gone`,
      { bind: { runId }, type: QueryTypes.SELECT },
    );
    if ((rows?.n ?? 0) < ROWS_AT_ONCE) return;
  }
}
