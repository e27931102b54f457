import { Alert, Text } from '@mantine/core';
import type { DatasetProfile } from '../../api/types.ts';
import { about, count } from '../../parts/numbers.ts';
import { UserText } from '../../parts/user-text.tsx';
import { Bar } from './bar.tsx';
import { Histogram } from './histogram.tsx';

/** How long rows are to a base model, and what its training would make of them. */
export function TokenCounts({
  tokens,
  usableRows,
}: {
  tokens: NonNullable<DatasetProfile['tokens']>;
  usableRows: number;
}) {
  const { counted_rows, lengths, histogram, total, max_length, too_long_rows, without_answer_rows, refused } = tokens;
  const isSample = counted_rows < usableRows;
  return (
    <>
      <Text size="sm">
        {isSample ? 'About ' : ''}
        {isSample ? about(total) : count(total)} tokens in all.
        {isSample &&
          ` This is an estimate from ${count(counted_rows)} rows spread over all of it, and so are the numbers below.`}
      </Text>
      {lengths && histogram && (
        <Histogram name="Rows by their tokens" unit="tokens" lengths={lengths} buckets={histogram} limit={max_length} />
      )}
      <Bar
        of={usableRows}
        value={too_long_rows}
        label={`Rows of more than ${count(max_length)} tokens: ${count(too_long_rows)}`}
      />
      {without_answer_rows > 0 && (
        <Bar
          of={usableRows}
          value={without_answer_rows}
          label={`Rows without an answer within that, which are not trained on: ${count(without_answer_rows)}`}
        />
      )}
      {refused && (
        <Alert
          color="yellow"
          variant="light"
          role="note"
          title={`The model's chat template refuses ${count(refused.rows)} of the counted rows`}
        >
          <UserText>{refused.problem}</UserText>
        </Alert>
      )}
    </>
  );
}
