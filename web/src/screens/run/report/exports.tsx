import { Anchor, Button, Group, Progress, Select, Stack, Table, Text, Title } from '@mantine/core';
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
  QUANTIZATIONS,
} from '../../../api/exports.ts';
import type { RunOwner } from '../../../api/types.ts';
import { DataTable } from '../../../parts/data-table.tsx';
import { bytes } from '../../../parts/numbers.ts';
import { Problem } from '../../../parts/problem.tsx';
import { UserText } from '../../../parts/user-text.tsx';

interface OfRun {
  owner: RunOwner;
  run: number;
}

type Quantization = (typeof QUANTIZATIONS)[number];

/** The model as files for llama.cpp and Ollama: a form that asks for one, and those that there are. */
export function Exports({ owner, run }: OfRun) {
  const { data = [], error } = useQuery(exportsQuery(owner, run));
  const [quantization, choose] = useState<Quantization>('q8_0');
  const queries = useQueryClient();
  const ask = useMutation({
    mutationFn: () => askForExport(owner, run, { format: 'gguf', quantization }),
    onSettled: () => queries.invalidateQueries({ queryKey: exportsKey(owner, run) }),
  });
  return (
    <Stack component="section" aria-labelledby="exports" gap="sm">
      <Title order={2} size="h4" id="exports">
        Exports
      </Title>
      <Text size="sm">A file of the model for llama.cpp, Ollama and LM Studio, which llama.cpp compares with it.</Text>
      <Group align="end">
        <Select
          label="Quantization"
          w={160}
          allowDeselect={false}
          value={quantization}
          data={QUANTIZATIONS}
          onChange={(value) => value !== null && choose(value)}
        />
        <Button variant="default" loading={ask.isPending} onClick={() => ask.mutate()}>
          Export as GGUF
        </Button>
      </Group>
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

function Row({ owner, run, each }: OfRun & { each: Export }) {
  const { id, format, quantization, status, stage, progress, files, warnings } = each;
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => deleteExport(owner, run, id),
    onSettled: () => queries.invalidateQueries({ queryKey: exportsKey(owner, run) }),
  });
  const sentences = [each.error_message ?? each.waiting_for ?? each.verification_summary, ...warnings];
  return (
    <Table.Tr>
      <Table.Th scope="row">
        {format} {quantization}
      </Table.Th>
      <Table.Td maw={420}>
        {stage === null ? status : stage}
        {isOpen(each) && <Progress value={100 * (progress ?? 0)} aria-label={`How far ${quantization} is`} />}
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
            <Anchor href={exportedFile(owner, run, id, path)}>{path}</Anchor> ({bytes(size)})
          </div>
        ))}
      </Table.Td>
      <Table.Td>
        <Button
          size="xs"
          variant="default"
          disabled={remove.isPending}
          aria-label={`Delete the export ${quantization}`}
          onClick={() => remove.mutate()}
        >
          Delete
        </Button>
        <Problem error={remove.error} />
      </Table.Td>
    </Table.Tr>
  );
}
