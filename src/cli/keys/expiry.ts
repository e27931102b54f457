import { CommandFailure, EXIT } from '../exit-codes.ts';

const MS_OF: Record<string, number> = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000, y: 365 * 86_400_000 };

/**
 * When a key expires: `90d`, `12h`, `2w` or `1y` from now, a date as 2027-01-31 or 2027-01-31T12:00:00Z, or `never`: null.
 * @throws CommandFailure for anything else
 */
export function expiryOf(text: string, now = Date.now()): string | null {
  if (text === 'never') return null;
  const [, count = '', unit = ''] = /^(\d{1,5})([hdwy])$/.exec(text) ?? [];
  const date = new Date(count === '' ? text : now + Number(count) * (MS_OF[unit] ?? 0));
  const isDate = count !== '' || /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text);
  if (!isDate || Number.isNaN(date.getTime()))
    throw new CommandFailure(
      `--expires is ${JSON.stringify(text)}: give 90d, 12h, 2w or 1y, a date as 2027-01-31, or never.`,
      EXIT.usage,
    );
  return date.toISOString();
}
