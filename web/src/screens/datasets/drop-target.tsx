import { Alert, Button, FileButton, Paper, Stack, Text } from '@mantine/core';
import { useEffect, useEffectEvent, useRef, useState } from 'react';
import { uploads } from '../../api/uploads.ts';
import { shown } from '../../parts/user-text.tsx';

/** Takes files, dropped anywhere on the screen or chosen; each becomes a dataset of its own. */
export function DropTarget() {
  const [folders, setFolders] = useState<string[]>([]);
  const forgetChosen = useRef<() => void>(null);
  const take = (files: File[], foldersBeside: string[] = []) => {
    setFolders(foldersBeside);
    uploads.add(files);
    // A file that was mended is chosen under the same name, which would count as no change.
    forgetChosen.current?.();
  };
  const isOver = useFilesDropped(take);
  return (
    <Paper
      withBorder
      p="md"
      className={isOver ? 'drop-target is-over' : 'drop-target'}
      component="section"
      aria-label="Upload"
    >
      <Stack align="center" gap="xs">
        <Text ta="center">
          Drop files anywhere on this page: CSV, TSV, JSON, JSON lines or Parquet, also as gzip or zstd.
        </Text>
        <FileButton multiple resetRef={forgetChosen} onChange={(files) => take(files)}>
          {({ onClick }) => <Button onClick={onClick}>Choose files</Button>}
        </FileButton>
        {folders.length > 0 && (
          <Alert color="yellow" variant="light" title={folders.length === 1 ? 'This is a folder' : 'These are folders'}>
            {shown(folders.join(', '))}: open it and drop the files that are in it.
          </Alert>
        )}
      </Stack>
    </Paper>
  );
}

/**
 * Whether files are held over the page; what is done with them when they are let go. The whole page takes them: a browser leaves the page for a file
 * that is dropped beside the place for it.
 */
function useFilesDropped(onFiles: (files: File[], folders: string[]) => void): boolean {
  const [isOver, setIsOver] = useState(false);
  const take = useEffectEvent(onFiles);
  useEffect(() => {
    const gone = new AbortController();
    const { signal } = gone;
    const over = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(true);
    };
    const leave = (event: DragEvent) => {
      // Elements of the page leave each other; only the page itself leaves for nothing.
      if (event.relatedTarget === null) setIsOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(false);
      const { files, folders } = filesIn(event);
      take(files, folders);
    };
    window.addEventListener('dragover', over, { signal });
    window.addEventListener('dragleave', leave, { signal });
    window.addEventListener('drop', drop, { signal });
    return () => gone.abort();
  }, []);
  return isOver;
}

function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') ?? false;
}

/** Folders are no files, and would be sent as some that cannot be read. */
function filesIn({ dataTransfer }: DragEvent): { files: File[]; folders: string[] } {
  const files: File[] = [];
  const folders: string[] = [];
  for (const item of dataTransfer?.items ?? []) {
    const file = item.getAsFile();
    if (item.webkitGetAsEntry()?.isDirectory) folders.push(file?.name ?? 'a folder');
    else if (file) files.push(file);
  }
  return { files, folders };
}
