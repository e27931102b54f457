import { Button, Group, Stack, Text, UnstyledButton } from '@mantine/core';
import { useState, useSyncExternalStore } from 'react';
import { useLocation } from 'wouter';
import { isUnderWay, type Upload, uploads } from '../../api/uploads.ts';
import { UploadRow } from './upload-row.tsx';
import './uploads.css';

/** The uploads of this page, below every screen: they go on wherever the visitor goes. */
export function UploadsPanel() {
  const all = useSyncExternalStore(uploads.subscribe, () => uploads.all);
  const [location] = useLocation();
  const [isFolded, setIsFolded] = useState(false);
  const [last, setLast] = useState({ location, count: all.length });
  if (last.location !== location || last.count !== all.length) {
    setLast({ location, count: all.length });
    // What went well is in nobody's way on the next screen; what is new is shown.
    if (all.length > last.count) setIsFolded(false);
    else if (last.location !== location && all.every(({ state }) => state === 'saved')) setIsFolded(true);
  }
  const ended = all.filter((upload) => !isUnderWay(upload));
  const clear = () => {
    for (const upload of ended) uploads.dismiss(upload);
  };
  return (
    <section className={all.length === 0 ? undefined : 'uploads'} aria-label="Uploads">
      {/* Present from the beginning, so that a reader for the blind hears it change: with states, and not with each byte. */}
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text role="status" size="sm" fw={600}>
          {sentenceOf(all)}
        </Text>
        {all.length > 0 && (
          <Group gap="xs" wrap="nowrap">
            {ended.length > 0 && (
              <Button size="compact-sm" variant="default" onClick={clear}>
                Clear
              </Button>
            )}
            <UnstyledButton
              className="uploads-fold"
              aria-expanded={!isFolded}
              aria-label="The single uploads"
              onClick={() => setIsFolded(!isFolded)}
            >
              <span aria-hidden="true">{isFolded ? '▴' : '▾'}</span>
            </UnstyledButton>
          </Group>
        )}
      </Group>
      {all.length > 0 && !isFolded && (
        <Stack component="ul" className="uploads-list" gap="xs">
          {all.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
        </Stack>
      )}
    </section>
  );
}

function sentenceOf(all: readonly Upload[]): string {
  const countOf = (state: Upload['state'], words: string) => {
    const number = all.filter((upload) => upload.state === state).length;
    return number === 0 ? [] : [`${number} ${words}`];
  };
  const underWay = all.filter(isUnderWay).length;
  return [
    ...(underWay === 0 ? [] : [`${underWay} ${underWay === 1 ? 'upload' : 'uploads'} under way`]),
    ...countOf('saved', 'uploaded'),
    ...countOf('refused', 'refused'),
    ...countOf('cancelled', 'cancelled'),
  ].join(', ');
}
