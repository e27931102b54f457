import { withoutGguf } from '../../base-models/gguf-architectures.ts';
import { EXPORTS, Export, type ExportedFile, type ExportFormat, exportFormatsOf } from '../../models/exports/export.ts';
import { requestExport } from '../../models/exports/export-transitions.ts';
import { noteAsked } from '../../models/runs/asked.ts';
import type { Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { notFound, UserError } from '../../platform/failure.ts';
import { findPinned } from '../../runs/pinned-model.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { chosenFor } from './wanted.ts';

/**
 * Asks for a run's model in another format, once; an orchestrator has it made.
 * @throws UserError where the run has no model of which there could be one, or it is asked for with what its format cannot have
 */
export async function askForExport(
  run: Run,
  asked: Parameters<typeof chosenFor>[0],
  env: Env,
): Promise<{ made: Export; isNew: boolean }> {
  await requireExportable(run, asked.format, env);
  const requested = await requestExport({ run_id: run.id, format: asked.format, ...chosenFor(asked, env) });
  await noteAsked(run.id, { to: 'export', format: asked.format });
  return requested;
}

/** @throws UserError where the run has no model of which there could be such an export: before anything is made */
async function requireExportable(run: Run, format: ExportFormat, env: Env): Promise<void> {
  const { number, status, output_path, spec } = run;
  const formats = exportFormatsOf(spec);
  if (formats.length === 0)
    throw new UserError(
      `Run ${number} is of the type ${spec.training_type} and made an index, not a model: there is nothing to export as ${format}. Download its files instead.`,
    );
  if (!formats.includes(format))
    throw new UserError(
      `Run ${number} is of the type ${spec.training_type} and trained all weights: there is no adapter. Export the model as gguf instead.`,
      { field: 'format' },
    );
  if (output_path === null)
    throw new UserError(`Run ${number} is ${status} and has no model; export it once it has completed.`);
  if (!EXPORTS[format].needsPackages) return;
  const base = await findPinned(env, run);
  const unknown = await withoutGguf(base.available ? base.path : output_path);
  if (unknown !== null)
    throw new UserError(
      `The model's architecture is ${unknown}, which llama.cpp's converter does not know: there is no GGUF of it. Take another format, or use the trained model in safetensors.`,
      { field: 'format' },
    );
}

/** @throws NotFoundError where the run has no such export */
export async function findExport(run: Run, id: number): Promise<Export> {
  const found = await Export.findOne({ where: { id, run_id: run.id } });
  if (!found) throw notFound(`Export of run ${run.number} with id`, id);
  return found;
}

/** Also one that is being made: its host sees within a second or two that it is gone, and ends. @throws NotFoundError */
export async function deleteExport(env: Env, run: Run, id: number): Promise<void> {
  await (await findExport(run, id)).destroy();
  await new RunFolder(env, run).removeExport(id);
}

/** One of its files. @throws NotFoundError where it is not made yet, or has no such file */
export function exportedFile({ id, status, files, pushed }: Export, path: string): ExportedFile {
  const file = files?.find((each) => each.path === path);
  if (file) return file;
  if (pushed) throw new UserError(`Export ${id} has no files here: it was pushed to ${pushed.url}.`);
  if (status !== 'completed') throw new UserError(`Export ${id} is ${status}; it has files once it has completed.`);
  throw new UserError(
    `Export ${id} has no file ${JSON.stringify(path)}. It has ${files?.map((each) => each.path).join(', ')}.`,
  );
}
