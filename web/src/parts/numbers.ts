/** How numbers are written for people, in the language of their browser. What is not there is a dash; what is no number says so. */
const NOTHING = '—';

type Value = number | null | undefined;

function write(value: Value, format: (value: number) => string): string {
  if (value === null || value === undefined) return NOTHING;
  return Number.isFinite(value) ? format(value) : String(value);
}

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 });
const fourDigits = new Intl.NumberFormat(undefined, { minimumSignificantDigits: 4, maximumSignificantDigits: 4 });
const percentage = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** A count: steps, rows. */
export const count = (value: Value) => write(value, (n) => whole.format(n));

/** A large count, rounded: tokens. */
export const about = (value: Value) => write(value, (n) => compact.format(n));

/** A loss: four digits that matter. */
export const loss = (value: Value) => write(value, (n) => (n === 0 ? '0' : fourDigits.format(n)));

/** A learning rate, such as 2e-4. */
export const rate = (value: Value) =>
  write(value, (n) =>
    n === 0
      ? '0'
      : n
          .toExponential(2)
          .replace(/\.?0+e/, 'e')
          .replace('e+', 'e'),
  );

/** Of what the API gives as 0 to 100. */
export const percent = (value: Value) => write(value, (n) => percentage.format(n / 100));

/** Of a share from 0 to 1. */
export const share = (value: Value) => write(value, (n) => percentage.format(n));

const BYTE_UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** In units of a thousand, as disks are sold. */
export const bytes = (value: Value) =>
  write(value, (n) => {
    const power = Math.min(BYTE_UNITS.length - 1, n < 1 ? 0 : Math.floor(Math.log10(n) / 3));
    return new Intl.NumberFormat(undefined, {
      style: 'unit',
      unit: BYTE_UNITS[power] ?? 'byte',
      unitDisplay: power === 0 ? 'long' : 'short',
      maximumSignificantDigits: 3,
    }).format(n / 1000 ** power);
  });

const DURATION_UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** The two largest units of a time, such as `2 hr 5 min`. */
export const duration = (seconds: Value) =>
  write(seconds, (n) => {
    let rest = Math.round(n);
    const parts = DURATION_UNITS.flatMap(([unit, size]) => {
      const amount = Math.floor(rest / size);
      rest -= amount * size;
      return amount === 0
        ? []
        : [new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'short' }).format(amount)];
    });
    return parts.length === 0 ? 'under a second' : parts.slice(0, 2).join(' ');
  });
