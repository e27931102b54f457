import { type Export, type ExportFormat, OPEN_EXPORTS } from '../../models/exports/export.ts';
import { Host } from '../../models/pool/host.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Pushed, Verification } from '../../trainer/model-export.ts';
import { date } from '../http/shared-schema.ts';

/** Exports of a run, each with why it does not go on. */
export async function presentExports(run: Run, exports: Export[]) {
  const isAnyOpen = exports.some(({ status }) => OPEN_EXPORTS.includes(status));
  const isHostThere = !isAnyOpen || (await Host.present()).length > 0;
  return exports.map((each) => present(run, each, isHostThere));
}

export async function presentExport(run: Run, each: Export) {
  const [presented] = await presentExports(run, [each]);
  return presented;
}

const NO_HOST = 'No host is there that could make it. Start its agent with `mtm host`.';

function present({ number }: Run, each: Export, isHostThere: boolean) {
  const { id, format, quantization, repository, revision, status, stage, progress, verification, pushed } = each;
  const isOpen = OPEN_EXPORTS.includes(status);
  return {
    id,
    run_number: number,
    format,
    quantization: quantization ?? null,
    repository: repository ?? null,
    revision: revision ?? null,
    private: each.private ?? null,
    status,
    stage: stage ?? null,
    progress: progress ?? null,
    waiting_for: isOpen ? (isHostThere ? (each.waiting_for ?? null) : NO_HOST) : null,
    error_message: each.error_message ?? null,
    files: each.files ?? [],
    verification: verification ?? null,
    verification_summary: pushed ? pushSummaryOf(pushed) : verification ? summaryOf(format, verification) : null,
    warnings: each.warnings ?? [],
    pushed: pushed ?? null,
    pinned: each.pinned ?? false,
    created_at: date(each.created_at),
    updated_at: date(each.updated_at),
    finished_at: date(each.finished_at ?? null),
  };
}

/** What was compared by the hashes of the hub. */
function pushSummaryOf({ url, commit, sent, removed }: Pushed): string {
  const files = (count: number) => (count === 1 ? '1 file' : `${count} files`);
  const away = removed.length > 0 ? ` ${files(removed.length)} of an earlier model went.` : '';
  const how = sent.length > 0 ? `${files(sent.length)} of it were sent.` : 'It had all of it already.';
  return `${url} has the model, by the hashes of its files, as commit ${commit.slice(0, 12)}. ${how}${away}`;
}

/** Who has loaded what. */
const LOADS: Record<ExportFormat, string> = {
  gguf: 'llama.cpp loads the file',
  gguf_adapter: 'llama.cpp loads the adapter upon a GGUF of its base',
  merged_4bit: 'transformers loads the model',
  hub: '',
};

/** What was found, in words. */
function summaryOf(format: ExportFormat, { rows, answers: { asked, equal, nearly }, loss }: Verification): string {
  const near = nearly > 0 ? ` (${nearly} of them with another word that is about as likely)` : '';
  const answers =
    asked > 0
      ? `It answers ${equal + nearly} of ${asked} held-out questions as the model does${near}`
      : 'Its rows ask nothing';
  if (!loss) return `${LOADS[format]}. ${answers}.`;
  return `${LOADS[format]}. ${answers}, and its loss on ${loss.tokens} tokens of ${rows} rows is ${loss.exported.toFixed(3)}, the model’s ${loss.model.toFixed(3)}.`;
}
