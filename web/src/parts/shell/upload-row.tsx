import { Alert, Anchor, Button, CloseButton, Group, Progress, Text } from '@mantine/core';
import { Link } from 'wouter';
import { isUnderWay, type Upload, uploads } from '../../api/uploads.ts';
import { bytes, count, duration, percent } from '../numbers.ts';
import { shown, UserText } from '../user-text.tsx';

/** By this name the API's refusals give the remedy for rows that cannot be read. */
const SKIP = 'on_bad_rows: skip';

/** One upload: how far it is, or how it ended and what can be done about it. */
export function UploadRow({ upload }: { upload: Upload }) {
  const { file, state, dataset, problem } = upload;
  const words = wordsOf(upload);
  return (
    <li>
      <Group justify="space-between" wrap="nowrap" gap="xs" align="start">
        <Text size="sm" component="div" lineClamp={2}>
          {dataset === null ? (
            <UserText inline>{file.name}</UserText>
          ) : (
            <Anchor component={Link} href={`/datasets/${dataset.id}`}>
              <UserText inline>{file.name}</UserText>
            </Anchor>
          )}
        </Text>
        {isUnderWay(upload) ? (
          <Button
            size="compact-sm"
            variant="default"
            onClick={() => uploads.cancel(upload)}
            aria-label={`Cancel the upload of ${shown(file.name)}`}
          >
            Cancel
          </Button>
        ) : (
          <CloseButton
            size="sm"
            onClick={() => uploads.dismiss(upload)}
            aria-label={`Clear the upload of ${shown(file.name)}`}
          />
        )}
      </Group>
      {(state === 'sending' || state === 'converting') && (
        <Progress.Root size="sm" my={4}>
          <Progress.Section
            value={partOf(upload) ?? 0}
            aria-label={`Upload of ${shown(file.name)}`}
            aria-valuetext={words}
          />
        </Progress.Root>
      )}
      {problem === null ? (
        <Text size="sm">{words}</Text>
      ) : (
        <Alert color="red" variant="light" p="xs" title="It was not taken">
          <UserText>{problem}</UserText>
        </Alert>
      )}
      {(state === 'refused' || state === 'cancelled') && (
        <Group gap="xs" mt={4}>
          {problem?.includes(SKIP) && (
            <Button size="compact-sm" onClick={() => uploads.sendAgain(upload, { skipBadRows: true })}>
              Send it again without such rows
            </Button>
          )}
          <Button size="compact-sm" variant="default" onClick={() => uploads.sendAgain(upload)}>
            Send it again
          </Button>
        </Group>
      )}
    </li>
  );
}

/** In percent: of the bytes, then of the conversion; null: not known. */
function partOf({ state, sentBytes, totalBytes, percent: converted }: Upload): number | null {
  return state === 'converting' ? converted : (100 * sentBytes) / Math.max(1, totalBytes);
}

function wordsOf({ state, sentBytes, totalBytes, bytesPerS, percent: converted, dataset }: Upload): string {
  switch (state) {
    case 'waiting':
      return 'Waits until one of the others has ended';
    case 'sending': {
      const sent = `${bytes(sentBytes)} of ${bytes(totalBytes)}`;
      if (bytesPerS === null || bytesPerS === 0) return sent;
      return `${sent}, ${bytes(bytesPerS)}/s, about ${duration((totalBytes - sentBytes) / bytesPerS)} left`;
    }
    case 'converting':
      return converted === null
        ? 'Received. The service reads it'
        : `Received. The service has read ${percent(converted)} of it`;
    case 'saved':
      return `${count(dataset?.usable_row_count)} of ${count(dataset?.row_count)} rows can be trained on`;
    case 'cancelled':
      return 'Cancelled. Nothing of it was kept';
    case 'refused':
      return '';
  }
}
