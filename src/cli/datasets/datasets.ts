import { bodyOf } from '../api/client.ts';
import type { Dataset } from '../api/types.ts';
import type { Session } from '../session.ts';
import { bytes } from '../terminal/numbers.ts';
import { columns, facts } from '../terminal/table.ts';
import { datasetFor, type UploadOptions, uploadOnce } from './upload.ts';

interface ListOptions {
  search?: string;
  page?: string;
}

/** `mtm dataset add FILE…`: prints the dataset, or, of several files, all of them as a list. */
export async function addDatasets(session: Session, files: string[], options: UploadOptions): Promise<void> {
  const added: Dataset[] = [];
  for (const file of files) added.push(await uploadOnce(session, file, options));
  session.print(added.length === 1 ? added[0] : { items: added }, () => added.map(summary).join('\n'));
}

export async function listDatasets({ client, print }: Session, { search, page = '1' }: ListOptions): Promise<void> {
  const query = { page: Number(page), page_size: 100, ...(search === undefined ? {} : { search }) };
  const answer = await bodyOf(client.GET('/api/v1/datasets/', { params: { query } }));
  print(answer, () =>
    answer.items.length === 0
      ? 'There is no dataset. Add one with `mtm dataset add FILE`.'
      : columns([
          ['ID', 'NAME', 'ROWS', 'USABLE', 'SIZE'],
          ...answer.items.map(({ id, name, row_count, usable_row_count, file_size }) => [
            ...[String(id), name, String(row_count), String(usable_row_count)],
            bytes(file_size) ?? '',
          ]),
        ]),
  );
}

export async function showDataset(session: Session, text: string): Promise<void> {
  const dataset = await datasetFor(session, text);
  session.print(dataset, () => {
    const { id, name, filename, file_type, file_size, row_count, usable_row_count, mapping } = dataset;
    const problems = dataset.unusable.map(
      ({ problem, rows, first_row }) => `${rows} rows (first: ${first_row}): ${problem}`,
    );
    const unused = dataset.unused.map(({ part, rows }) => `${part} in ${rows} rows`);
    return [
      facts([
        ['ID', id],
        ['Name', name],
        ['File', `${filename}, ${file_type}, ${bytes(file_size)}`],
        ['Rows', `${row_count}, ${usable_row_count} usable`],
        ['Mapping', mapping === null ? null : JSON.stringify(mapping)],
        ['Unusable', problems.join('; ')],
        ['Unused', unused.join('; ')],
      ]),
      ...dataset.notes,
    ].join('\n');
  });
}

export async function previewDataset(session: Session, text: string, { rows }: { rows: string }): Promise<void> {
  const { id } = await datasetFor(session, text);
  const params = { path: { id }, query: { rows: Number(rows) } };
  const preview = await bodyOf(session.client.GET('/api/v1/datasets/{id}/preview', { params }));
  session.print(preview, () =>
    preview.rows
      .map(({ row_number, messages, values, unusable }) =>
        [
          `row ${row_number}${unusable === null ? '' : `, unusable: ${unusable}`}`,
          ...(messages === null
            ? [`  ${JSON.stringify(values)}`]
            : messages.map((message) => `  ${String(message.role)}: ${textIn(message.content)}`)),
        ].join('\n'),
      )
      .join('\n'),
  );
}

export async function removeDataset({ client, print }: Session, id: number): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/datasets/{id}', { params: { path: { id } } }));
  print({}, () => `Dataset ${id} was deleted.`);
}

function textIn(content: unknown): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

function summary({ id, name, row_count, usable_row_count, notes }: Dataset): string {
  return [`Dataset ${id}: ${name}, ${row_count} rows, ${usable_row_count} usable.`, ...notes].join('\n');
}
