/** The files with the conversations of a dataset's rows, beside its Parquet: one for each mapping that they were asked for with. */

/** Higher when rows are read otherwise: what was read before is read again then. */
export const READING_VERSION = 1;
export const ENDING = '.conversations.parquet';

/** Whether a file beside a Parquet has the conversations of its rows. */
export function isMadeFrom(name: string): boolean {
  return name.endsWith(ENDING);
}

/** The place of such a file beside the Parquet when that has got its own name. */
export function madeFrom(parquetPath: string, name: string): string {
  return `${parquetPath.replace(/\.parquet$/, '')}.${name.split('.').slice(-3).join('.')}`;
}
