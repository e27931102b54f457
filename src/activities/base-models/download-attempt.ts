import { join } from 'node:path';
import { fetchedDir } from '../../base-models/fetched-files.ts';
import {
  type DownloadProgress,
  forgetDownloadTrouble,
  noteProgress,
} from '../../models/base-models/download-transitions.ts';
import type { ModelDownload } from '../../models/base-models/model-download.ts';
import type { Env } from '../../platform/env.ts';
import { type DownloadEvent, type DownloadFailure, startDownloader } from '../../trainer/model-download.ts';

/** How often progress is written to the row, and the row is asked whether to go on. */
const LOOK_EVERY_MS = 1_000;

interface AttemptOptions {
  env: Env;
  python: string;
  download: ModelDownload;
  /** Shows it in the Temporal Web UI. */
  show: (progress: object) => void;
}

/** One process that fetches, and the row that says how far it is and whether it is wanted. */
export class Attempt {
  readonly #options: AttemptOptions;
  /** What the row does not have yet. */
  #untold: Partial<DownloadProgress & Pick<ModelDownload, 'commit' | 'license'>> = {};
  #bytes: number | null = null;
  #isTroubleOver = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
  }

  /** @throws the reason of `stop`, once the process has ended */
  async run(stop: AbortSignal): Promise<'done' | 'not wanted' | DownloadFailure> {
    const { env, python, download } = this.#options;
    const { id, key, name, revision, commit } = download;
    const child = await startDownloader({
      python,
      work: fetchedDir(env.modelCache, key),
      name,
      revision,
      commit,
      cache: env.modelCache,
      hubEndpoint: env.hubEndpoint,
      isHubOffline: env.isHubOffline,
      logFile: join(env.home, 'logs', `download-${id}.log`),
      onEvent: (event) => this.#hear(event),
    });
    let isWanted = true;
    let looking = Promise.resolve();
    const look = async () => {
      isWanted = await this.#tell();
      if (!isWanted) child.kill();
    };
    // While the database is away, progress waits for the next look; the download goes on.
    const timer = setInterval(() => {
      looking = looking.then(look).catch(() => {});
    }, LOOK_EVERY_MS);
    stop.addEventListener('abort', child.kill, { once: true });
    if (stop.aborted) child.kill();
    try {
      const failure = await child.ended;
      clearInterval(timer);
      await looking;
      if (stop.aborted) throw stop.reason;
      if (!isWanted || !(await this.#tell())) return 'not wanted';
      return failure ?? 'done';
    } finally {
      clearInterval(timer);
      stop.removeEventListener('abort', child.kill);
      child.kill();
    }
  }

  #hear(event: DownloadEvent): void {
    if (event.type === 'resolved') {
      Object.assign(this.#untold, { commit: event.commit, license: event.license });
    } else if (event.type === 'progress') {
      const { type: _, ...progress } = event;
      Object.assign(this.#untold, progress);
      this.#isTroubleOver ||= this.#bytes !== null && progress.bytes_done > this.#bytes;
      this.#bytes ??= progress.bytes_done;
      this.#options.show(progress);
    }
  }

  /** @returns whether the download is to go on */
  async #tell(): Promise<boolean> {
    const { id } = this.#options.download;
    const told = this.#untold;
    this.#untold = {};
    const isWanted = await noteProgress(id, told).catch((error: unknown) => {
      this.#untold = { ...told, ...this.#untold };
      throw error;
    });
    if (isWanted && this.#isTroubleOver) {
      await forgetDownloadTrouble(id);
      this.#isTroubleOver = false;
    }
    return isWanted;
  }
}
