import { Text } from '@mantine/core';
import { UserText } from '../../../parts/user-text.tsx';

interface BarOf {
  label: string;
  value: number;
}

/** Two values that are held against each other. */
export interface Pair {
  name: string;
  /** What they are of, such as `24 rows`. */
  of: string;
  before: BarOf;
  after: BarOf;
}

interface BarsProps {
  title: string;
  /** In which unit, and which is better. */
  unit: string;
  pairs: Pair[];
  /** What a bar of the full length is worth; the largest value, unless there is a natural one. */
  full?: number;
  write: (value: number) => string;
}

/** Pairs of bars, each with its name and value beside it; hatched and plain tell them apart as well as their colours. */
export function Bars({ title, unit, pairs, full, write }: BarsProps) {
  if (pairs.length === 0) return null;
  const most = full ?? Math.max(...pairs.flatMap(({ before, after }) => [before.value, after.value]));
  return (
    <figure className="report-bars" aria-label={title}>
      <Text component="figcaption" size="sm">
        <b>{title}</b>, {unit}
      </Text>
      {pairs.map(({ name, of, before, after }) => (
        <div key={name}>
          <Text size="sm" component="div">
            <UserText inline>{name}</UserText>, {of}
          </Text>
          {[before, after].map((bar, place) => (
            <div key={bar.label} className="report-bar">
              <span>{bar.label}</span>
              <span aria-hidden="true">
                <span
                  className={place === 0 ? 'is-before' : 'is-after'}
                  style={{ width: `${most > 0 ? Math.min(100, (100 * bar.value) / most) : 0}%` }}
                />
              </span>
              <span>{write(bar.value)}</span>
            </div>
          ))}
        </div>
      ))}
    </figure>
  );
}
