/** The work of ingest.ts in a process of its own: DuckDB's memory must not become the API's. */
import { rm } from 'node:fs/promises';
import { sha256OfFile } from '../files.ts';
import { writeCanonical } from './canonical.ts';
import { DatasetError } from './dataset-error.ts';
import { withDuckDb } from './duckdb.ts';
import type { IngestReply, IngestRequest } from './ingest.ts';
import { kindOf, normalise } from './normalise.ts';
import { readRows } from './read-rows.ts';
import { checkMapping, detectMapping, toMessages } from './row-format.ts';

async function ingest(request: IngestRequest): Promise<IngestReply> {
  const kind = kindOf(request.originalName);
  const text = `${request.parquetPath}.text`;
  try {
    await normalise(request.sourcePath, text);
    return await withDuckDb('512MB', async (connection) => {
      const columns = await writeCanonical(connection, kind, text, request.parquetPath);
      if (request.mapping) checkMapping(request.mapping, columns);
      const mapping = request.mapping ?? detectMapping(columns);
      let rowCount = 0;
      let usableRowCount = 0;
      let firstUnusable: string | null = null;
      for await (const { row, rowNumber } of readRows(
        connection,
        request.parquetPath,
        mapping ? Object.values(mapping) : [],
      )) {
        rowCount++;
        const messages = mapping ? toMessages(row, mapping) : { unusable: 'no row format' };
        if (Array.isArray(messages)) usableRowCount++;
        else firstUnusable ??= `row ${rowNumber + 1}: ${messages.unusable}`;
      }
      if (rowCount === 0) throw new DatasetError('file has a header and no rows. Upload one with at least one row.');
      const sha256 = await sha256OfFile(request.parquetPath);
      return { ok: { kind, columns, mapping, rowCount, usableRowCount, firstUnusable, sha256 } };
    });
  } catch (error) {
    if (error instanceof DatasetError) return { refused: error.message };
    throw error;
  } finally {
    await rm(text, { force: true });
  }
}

process.once('message', (request: IngestRequest) => {
  ingest(request).then(
    (reply) => process.send?.(reply, () => process.exit(0)),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.once('disconnect', () => process.exit(1));
