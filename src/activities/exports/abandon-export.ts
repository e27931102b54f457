import { failExport } from '../../models/exports/export-transitions.ts';
import type { ExportRef } from '../../workflows/contract.ts';

/** Writes that an export was cancelled in Temporal. May run twice: of one that has ended nothing is written. */
export async function abandonExport({ exportId }: ExportRef): Promise<void> {
  await failExport(exportId, 'It was cancelled in Temporal. Ask for it again to go on.');
}
