import { Button, Group, Table, Text } from '@mantine/core';
import { useState } from 'react';
import type { LengthBucket, Lengths } from '../../api/types.ts';
import { DataTable } from '../../parts/data-table.tsx';
import { count } from '../../parts/numbers.ts';

const HEIGHT = 100;
const BAR = 10;

interface HistogramProps {
  name: string;
  unit: string;
  lengths: Lengths;
  buckets: LengthBucket[];
  /** A length that is drawn in, such as the longest that training takes. */
  limit?: number;
}

/** How many rows are about how long: as a picture, as a sentence, and as a table. The last bar has all that are longer than nearly all. */
export function Histogram({ name, unit, lengths, buckets, limit }: HistogramProps) {
  const [asTable, setAsTable] = useState(false);
  const { min, median, p95, max } = lengths;
  const sentence = `From ${count(min)} to ${count(max)} ${unit}; half have at most ${count(median)}, and 95 % at most ${count(p95)}.`;
  return (
    <figure className="histogram" aria-label={name}>
      <Group justify="space-between" align="baseline" gap="xs">
        <Text size="sm">{sentence}</Text>
        <Button size="compact-sm" variant="default" onClick={() => setAsTable(!asTable)}>
          {asTable ? 'Show as a picture' : 'Show as a table'}
        </Button>
      </Group>
      {asTable ? (
        <Numbers name={name} unit={unit} buckets={buckets} />
      ) : (
        <Picture label={`${name}. ${sentence}`} buckets={buckets} limit={limit} />
      )}
    </figure>
  );
}

function Picture({ label, buckets, limit }: { label: string; buckets: LengthBucket[]; limit: number | undefined }) {
  const most = Math.max(1, ...buckets.map(({ rows }) => rows));
  const width = buckets.length * BAR;
  const last = buckets.at(-1);
  const line = limit === undefined ? null : placeOf(limit, buckets);
  return (
    <>
      <svg
        className="histogram-bars"
        viewBox={`0 0 ${width} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
      >
        {buckets.map((bucket, place) => {
          const { from, to, rows } = bucket;
          // What is there is seen, however little it is.
          const height = rows === 0 ? 0 : Math.max(1, (HEIGHT * rows) / most);
          return (
            <rect
              key={from}
              x={place * BAR + 0.5}
              y={HEIGHT - height}
              width={BAR - 1}
              height={height}
              className={isLonger(bucket, buckets) ? 'is-longer' : undefined}
            >
              <title>{`${count(from)} to ${count(to)}: ${count(rows)}`}</title>
            </rect>
          );
        })}
        {line !== null && <line x1={line * BAR} x2={line * BAR} y1={0} y2={HEIGHT} />}
      </svg>
      <Group justify="space-between" wrap="nowrap" className="histogram-axis" aria-hidden="true">
        <span>{count(buckets[0]?.from)}</span>
        <span>{last && (isLonger(last, buckets) ? `${count(last.from)} and longer` : count(last.to))}</span>
      </Group>
    </>
  );
}

/** Whether it is the bucket for all that are longer: it is wider than the others. */
function isLonger({ from, to }: LengthBucket, [first]: LengthBucket[]): boolean {
  return first !== undefined && to - from !== first.to - first.from;
}

/** Where a length lies, in bars from the left; null where that is beyond those that are drawn to scale. */
function placeOf(length: number, buckets: LengthBucket[]): number | null {
  const place = buckets.findIndex(({ from, to }) => length >= from && length <= to);
  const bucket = buckets[place];
  if (bucket === undefined || isLonger(bucket, buckets)) return null;
  return place + (length - bucket.from) / (bucket.to - bucket.from + 1);
}

function Numbers({ name, unit, buckets }: { name: string; unit: string; buckets: LengthBucket[] }) {
  return (
    <DataTable label={`${name}, as a table`} heads={[unit, 'rows']} maw={360} verticalSpacing={2}>
      {buckets.map(({ from, to, rows }) => (
        <Table.Tr key={from}>
          <Table.Th scope="row">
            {count(from)} to {count(to)}
          </Table.Th>
          <Table.Td>{count(rows)}</Table.Td>
        </Table.Tr>
      ))}
    </DataTable>
  );
}
