import { basename } from 'node:path';
import { unusedSentence } from '../../datasets/told-of-rows.ts';
import type { Dataset } from '../../models/datasets/dataset.ts';
import { date } from '../http/shared-schema.ts';
import type { Upload } from './uploads.ts';

export function presentDataset(dataset: Dataset) {
  return {
    id: dataset.id,
    name: dataset.name,
    description: dataset.description,
    filename: dataset.filename,
    // As the reference shows it: the server's own folders are nobody's business.
    file_path: `/uploads/${basename(dataset.file_path)}`,
    file_type: dataset.file_type,
    file_size: dataset.file_size,
    row_count: dataset.row_count,
    column_count: dataset.column_count,
    // JSON in a string, with the spaces that the reference has.
    columns: `[${dataset.columns.map((column) => JSON.stringify(column)).join(', ')}]`,
    created_at: date(dataset.created_at),
    updated_at: date(dataset.updated_at),
    mapping: dataset.mapping,
    usable_row_count: dataset.usable_row_count,
    unusable: dataset.unusable,
    unused: dataset.unused,
    alternatives: dataset.alternatives,
    notes: [...dataset.notes, ...dataset.unused.map(unusedSentence), ...removedOriginal(dataset)],
    sha256: dataset.source_sha256,
  };
}

function removedOriginal({ original_removed_because: because }: Dataset): string[] {
  return because === null || because === undefined
    ? []
    : [`The file as it was uploaded was ${because}. Its rows are there, and can be trained on and mapped otherwise.`];
}

export function presentUpload({ id, filename, phase, receivedBytes, totalBytes, progressPercent, startedAt }: Upload) {
  return {
    id,
    filename,
    phase,
    received_bytes: receivedBytes,
    total_bytes: totalBytes,
    progress: progressPercent,
    started_at: date(startedAt),
  };
}
