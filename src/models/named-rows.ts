import { type Transaction, UniqueConstraintError } from 'sequelize';
import { ConflictError } from '../platform/failure.ts';
import { connection } from './runs/run.ts';

/** Does what counts the rows of a small table and then adds or changes one: one at a time, over all processes. */
export async function aloneIn<T>(table: string, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return await connection().transaction(async (transaction) => {
    await connection().query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`, { transaction });
    return await work(transaction);
  });
}

/** Writes a row whose name no other has. @throws ConflictError with the sentence, where another has it */
export async function withOwnName<T>(sentence: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof UniqueConstraintError)) throw error;
    throw new ConflictError(sentence);
  }
}
