import { Op } from 'sequelize';

/** Texts that hold `part`, in capital or small letters. What PostgreSQL takes for a pattern stands for itself. */
export function holding(part: string) {
  return { [Op.iLike]: `%${part.replaceAll(/[\\%_]/g, '\\$&')}%` };
}

/** What was created within a time of which either end may be open; null where both are. */
export function createdWithin(after: string | undefined, before: string | undefined) {
  if (after === undefined && before === undefined) return null;
  return {
    created_at: {
      ...(after !== undefined && { [Op.gt]: new Date(after) }),
      ...(before !== undefined && { [Op.lt]: new Date(before) }),
    },
  };
}
