import { data, line } from './activities.ts';
import type { Pausing } from './pausing.ts';
import type { Stages } from './stages.ts';

/**
 * Returns when the base model of a run is there, and verified. Where it is not there and the run may fetch it, that was asked for,
 * and the run waits for it without holding anything; then it is looked for again, as may be for the model that makes an index.
 *
 * It needs no `patched()`: only runs of versions that have this are answered `to: 'download'`, so no history of before goes this way.
 */
export async function baseModel(runId: number, pausing: Pausing, stages: Stages | null): Promise<void> {
  for (;;) {
    stages?.begin('verify');
    const found = await data.verifyModel.executeWithOptions({ summary: 'Check the base model in the local cache' }, [
      { runId },
    ]);
    if (!('to' in found)) {
      // The revision, in the cache of Hugging Face: the whole path is in the activity's result.
      stages?.tell(`found, \`${found.path.split('/').at(-1)?.slice(0, 12)}\``);
      return;
    }
    const { downloadId } = found;
    stages?.begin('download');
    await pausing.unlessPaused(() =>
      line.awaitDownload.executeWithOptions({ summary: `Wait for download ${downloadId}, which brings the model` }, [
        { runId, downloadId },
      ]),
    );
    stages?.tell(`download ${downloadId}`);
  }
}
