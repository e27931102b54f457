import { type ModelDownload, OPEN_DOWNLOADS, troubleOf } from '../../models/base-models/model-download.ts';
import { Host } from '../../models/pool/host.ts';
import { PAUSE_WAS_ASKED } from '../../workflows/contract.ts';
import { date } from '../http/shared-schema.ts';

/** Downloads, each with why it does not go on: one whose host is away hears of nothing. */
export async function presentDownloads(downloads: ModelDownload[]) {
  const isAnyOpen = downloads.some(({ status }) => OPEN_DOWNLOADS.includes(status));
  const hosts = isAnyOpen ? (await Host.present()).map(({ name }) => name) : [];
  return downloads.map((download) => present(download, hosts));
}

export async function presentDownload(download: ModelDownload) {
  const [presented] = await presentDownloads([download]);
  return presented;
}

function present(download: ModelDownload, hosts: string[]) {
  const { id, name, revision, commit, host, status, bytes_total, bytes_done, files_total, files_done } = download;
  return {
    id,
    name,
    revision,
    commit: commit ?? null,
    host,
    status,
    bytes_total: bytes_total ?? null,
    bytes_done,
    files_total: files_total ?? null,
    files_done,
    waiting_for: reasonOf(download, hosts),
    error_message: download.error_message ?? null,
    license: download.license ?? null,
    created_at: date(download.created_at),
    updated_at: date(download.updated_at),
    finished_at: date(download.finished_at ?? null),
  };
}

function reasonOf(download: ModelDownload, hosts: string[]): string | null {
  if (!OPEN_DOWNLOADS.includes(download.status)) return null;
  return download.pause_cause === 'asked' ? PAUSE_WAS_ASKED : troubleOf(download, hosts);
}
