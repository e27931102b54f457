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
import { whileWanted } from '../while-wanted.ts';

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
    const ended = await whileWanted(child, stop, () => this.#tell());
    return ended === null ? 'not wanted' : (ended.end ?? 'done');
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
