import { Alert, Anchor, Group, Image, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ApiRefusal } from '../../api/client.ts';
import { reportQuery, runFile } from '../../api/runs.ts';
import type { Report as ReportOf, Run, RunOwner } from '../../api/types.ts';
import { count, loss } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Scrolled } from '../../parts/scrolled.tsx';
import { UserText } from '../../parts/user-text.tsx';

const COLORS = { better: 'teal', same: 'gray', worse: 'red' } as const;

/** How the tuned model compares with its base: the verdict first. */
export function Report({ owner, run }: { owner: RunOwner; run: Run }) {
  const { data, error } = useQuery(reportQuery(owner, run.number));
  if (!data)
    return error instanceof ApiRefusal && error.status === 404 ? (
      <Text>{error.message}</Text>
    ) : (
      <Problem error={error} title="The report cannot be read" />
    );
  const color = COLORS[data.verdict as keyof typeof COLORS] ?? 'gray';
  return (
    <Stack>
      <Alert color={color} title={data.verdict === null ? 'There is no verdict' : `The tuned model is ${data.verdict}`}>
        {data.summary}
      </Alert>
      <Traits traits={data.traits} />
      <Image
        src={runFile(owner, run.number, 'curves.png')}
        alt="The losses and the learning rate by step, as the report has them"
        maw={720}
      />
      <Group>
        <Anchor href={runFile(owner, run.number, 'report.md')}>Report as Markdown</Anchor>
        {run.output_path !== null && <Anchor href={runFile(owner, run.number, 'download')}>Download the model</Anchor>}
      </Group>
      {run.output_path !== null && (
        <Text size="sm">
          The model lies in <UserText inline>{run.output_path}</UserText>
        </Text>
      )}
    </Stack>
  );
}

interface Side {
  loss?: number | null;
  exact_match?: number | null;
}

function Traits({ traits }: { traits: ReportOf['traits'] }) {
  return (
    <Scrolled label="Traits">
      <Table miw={480}>
        <Table.Thead>
          <Table.Tr>
            {['Trait', 'Rows', 'Verdict', 'Loss of the base', 'Loss of the tuned model'].map((head) => (
              <Table.Th key={head} scope="col">
                {head}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {traits.map((trait) => (
            <Table.Tr key={trait.trait}>
              <Table.Th scope="row">{trait.trait}</Table.Th>
              <Table.Td>{count(trait.rows)}</Table.Td>
              <Table.Td>{trait.verdict}</Table.Td>
              <Table.Td>{loss((trait.base as Side | undefined)?.loss)}</Table.Td>
              <Table.Td>{loss((trait.tuned as Side | undefined)?.loss)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}
