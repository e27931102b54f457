import { Op } from 'sequelize';

/** For LIKE: texts that hold `part`. What PostgreSQL would take for a pattern stands for itself. */
export function patternOf(part: string): string {
  return `%${part.replaceAll(/[\\%_]/g, '\\$&')}%`;
}

/** Texts that hold `part`, in capital or small letters. */
export function holding(part: string) {
  return { [Op.iLike]: patternOf(part) };
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
