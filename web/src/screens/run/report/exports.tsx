import { Button, Checkbox, Group, Progress, Select, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import {
  askForExport,
  deleteExport,
  type Export,
  exportedFile,
  exportsKey,
  exportsQuery,
  isOpen,
  type NewExport,
  nameOf,
  OTHER_FORMATS,
  QUANTIZATIONS,
} from '../../../api/exports.ts';
import type { Run, RunOwner } from '../../../api/types.ts';
import { Allowed, ToDownload } from '../../../parts/allowed.tsx';
import { DataTable } from '../../../parts/data-table.tsx';
import { bytes } from '../../../parts/numbers.ts';
import { Problem } from '../../../parts/problem.tsx';
import { UserText } from '../../../parts/user-text.tsx';
import { PinButton } from '../pin.tsx';

interface OfRun {
  owner: RunOwner;
  run: number;
}

type Quantization = (typeof QUANTIZATIONS)[number];

/** The model as files for llama.cpp and Ollama, or on a hub: forms that ask for one, and those that there are. */
export function Exports({ owner, run, formats }: OfRun & { formats: Run['export_formats'] }) {
  const { data = [], error } = useQuery(exportsQuery(owner, run));
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: (wanted: NewExport) => askForExport(owner, run, wanted),
    onSettled: () => queries.invalidateQueries({ queryKey: exportsKey(owner, run) }),
  });
  return (
    <Stack component="section" aria-labelledby="exports" gap="sm">
      <Title order={2} size="h4" id="exports">
        Exports
      </Title>
      <Text size="sm">
        A file of the model for llama.cpp, Ollama and LM Studio, its adapter, where it has one, for a GGUF of the base,
        or the model in 4 bits for transformers; each is loaded and compared with it.
      </Text>
      <Allowed needs="trainer">
        <AskForFile formats={formats} isAsking={ask.isPending} ask={ask.mutate} />
        <Text size="sm">Or the model with its card in a repository of the Hugging Face hub.</Text>
        <AskForPush isAsking={ask.isPending} ask={ask.mutate} />
      </Allowed>
      <Problem error={ask.error ?? error} />
      {data.length > 0 && (
        <DataTable label="Exports, newest first" heads={['Export', 'State', 'Files', 'Actions']} miw={640}>
          {data.map((each) => (
            <Row key={each.id} owner={owner} run={run} each={each} />
          ))}
        </DataTable>
      )}
    </Stack>
  );
}

interface Asking {
  isAsking: boolean;
  ask: (wanted: NewExport) => void;
}

function AskForFile({ formats, isAsking, ask }: Asking & { formats: Run['export_formats'] }) {
  const [quantization, choose] = useState<Quantization>('q8_0');
  return (
    <Group align="end">
      <Select
        label="Quantization"
        w={160}
        allowDeselect={false}
        value={quantization}
        data={QUANTIZATIONS}
        onChange={(value) => value !== null && choose(value)}
      />
      <Button variant="default" loading={isAsking} onClick={() => ask({ format: 'gguf', quantization })}>
        Export as GGUF
      </Button>
      {OTHER_FORMATS.filter(({ format }) => formats.includes(format)).map(({ format, text }) => (
        <Button key={format} variant="default" loading={isAsking} onClick={() => ask({ format })}>
          {text}
        </Button>
      ))}
    </Group>
  );
}

function AskForPush({ isAsking, ask }: Asking) {
  const [repository, name] = useState('');
  const [isPublic, publish] = useState(false);
  return (
    <Group
      component="form"
      align="end"
      onSubmit={(event) => {
        event.preventDefault();
        ask({ format: 'hub', repository, private: !isPublic });
      }}
    >
      <TextInput
        label="Repository"
        placeholder="my-name/my-model"
        w={260}
        required
        value={repository}
        onChange={({ currentTarget }) => name(currentTarget.value)}
      />
      <Checkbox
        label="Public"
        pb={8}
        checked={isPublic}
        onChange={({ currentTarget }) => publish(currentTarget.checked)}
      />
      <Button type="submit" variant="default" loading={isAsking}>
        Push to the hub
      </Button>
    </Group>
  );
}

function Row({ owner, run, each }: OfRun & { each: Export }) {
  const { id, status, stage, progress, files, warnings } = each;
  const name = nameOf(each);
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteExport(owner, run, id),
    onSettled: () => queries.invalidateQueries({ queryKey: exportsKey(owner, run) }),
  });
  const sentences = [each.error_message ?? each.waiting_for ?? each.verification_summary, ...warnings];
  return (
    <Table.Tr>
      <Table.Th scope="row">{name}</Table.Th>
      <Table.Td maw={420}>
        {stage === null ? status : stage}
        {isOpen(each) && <Progress value={100 * (progress ?? 0)} aria-label={`How far ${name} is`} />}
        {sentences.map(
          (sentence) =>
            sentence !== null && (
              <Text key={sentence} size="sm" component="div">
                <UserText>{sentence}</UserText>
              </Text>
            ),
        )}
      </Table.Td>
      <Table.Td>
        {files.map(({ path, bytes: size }) => (
          <div key={path}>
            <ToDownload href={exportedFile(owner, run, id, path)}>{path}</ToDownload> ({bytes(size)})
          </div>
        ))}
      </Table.Td>
      <Table.Td>
        {each.pinned && 'pinned '}
        {files.length > 0 && (
          <PinButton owner={owner} run={run} what={{ exportId: id }} of={`the export ${name}`} isPinned={each.pinned} />
        )}
        <Allowed needs="trainer" silently>
          <Button
            size="xs"
            variant="default"
            disabled={remove.isPending}
            aria-label={`Delete the export ${name}`}
            onClick={() => remove.mutate()}
          >
            Delete
          </Button>
        </Allowed>
        <Problem error={remove.error} />
      </Table.Td>
    </Table.Tr>
  );
}
