import {
  type CreationOptional,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  Model,
  QueryTypes,
  type Sequelize,
} from 'sequelize';
import { connection } from './run.ts';

export const BETTER = ['left', 'right', 'same'] as const;

/** What two models were asked, and what they answered. */
export interface Said {
  messages: object[];
  tools: object[] | null;
  parameters: { temperature: number; top_p: number; max_tokens: number; seed: number | null };
  left_answer: string;
  right_answer: string;
}

/** Which of two answers somebody found better. */
export class Vote extends Model<InferAttributes<Vote>, InferCreationAttributes<Vote>> {
  declare id: CreationOptional<number>;
  declare run_id: number;
  declare left_model: string;
  declare right_model: string;
  declare better: (typeof BETTER)[number];
  /** Whether it was given before the names of the models were shown. */
  declare blind: boolean;
  declare said: Said;
  declare created_at: CreationOptional<Date>;
}

/** The votes on two models, on whichever side each of them was. */
export interface VotesOnPair {
  one: string;
  other: string;
  one_better: number;
  other_better: number;
  same: number;
}

/** Of the votes of a run: how many each model of a pair has; the pair with most votes first. */
export async function votesOnPairs(runId: number): Promise<VotesOnPair[]> {
  return await connection().query<VotesOnPair>(
    `SELECT one, other,
       count(*) FILTER (WHERE better_one = one) AS one_better,
       count(*) FILTER (WHERE better_one = other) AS other_better,
       count(*) FILTER (WHERE better_one IS NULL) AS same
     FROM (
       SELECT least(left_model, right_model) AS one, greatest(left_model, right_model) AS other,
         CASE better WHEN 'left' THEN left_model WHEN 'right' THEN right_model END AS better_one
       FROM votes WHERE run_id = $runId
     ) AS of_run
     GROUP BY one, other ORDER BY count(*) DESC, one, other`,
    { bind: { runId }, type: QueryTypes.SELECT },
  );
}

export function initVote(sequelize: Sequelize): void {
  Vote.init(
    {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      run_id: { type: DataTypes.INTEGER, allowNull: false },
      left_model: { type: DataTypes.TEXT, allowNull: false },
      right_model: { type: DataTypes.TEXT, allowNull: false },
      better: { type: DataTypes.TEXT, allowNull: false },
      blind: { type: DataTypes.BOOLEAN, allowNull: false },
      said: { type: DataTypes.JSON, allowNull: false },
      created_at: DataTypes.DATE,
    },
    { sequelize, tableName: 'votes', updatedAt: false },
  );
}
