import { Anchor, Card, Code, List, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { baseModelsQuery } from '../../api/base-models.ts';
import { datasetListQuery } from '../../api/datasets.ts';
import { configQuery, poolQuery } from '../../api/service.ts';
import { count } from '../../parts/numbers.ts';
import { Tag } from '../../parts/tag.tsx';

interface Step {
  name: string;
  /** Null: it is not known yet. */
  isDone: boolean | null;
  /** How far it is, or the way to it. */
  how: ReactNode;
}

/** What to do first, in order, where nothing has been trained yet; what is there already is ticked. */
export function Beginning() {
  const steps = useSteps();
  const next = steps.findIndex(({ isDone }) => isDone === false);
  return (
    <Card withBorder component="section" aria-labelledby="beginning">
      <Title order={2} size="h4" id="beginning">
        Nothing has been trained yet
      </Title>
      <List type="ordered" my="sm" spacing="xs">
        {steps.map(({ name, isDone, how }, nth) => (
          <List.Item key={name} aria-current={nth === next ? 'step' : undefined}>
            <Text span fw={600}>
              {name}
            </Text>{' '}
            {isDone !== null && <State isDone={isDone} isNext={nth === next} />}
            <Text size="sm">{how}</Text>
          </List.Item>
        ))}
      </List>
      <Text size="sm">
        Or let <Code>npm run demo</Code> train a small model in a few minutes: it appears here.
      </Text>
    </Card>
  );
}

function State({ isDone, isNext }: { isDone: boolean; isNext: boolean }) {
  if (isDone)
    return (
      <Tag color="teal">
        <span aria-hidden="true">✓ </span>done
      </Tag>
    );
  return <Tag color={isNext ? 'blue' : 'gray'}>{isNext ? 'next' : 'to do'}</Tag>;
}

function useSteps(): Step[] {
  const models = useQuery(baseModelsQuery).data;
  const datasets = useQuery(datasetListQuery({ page_size: 1 })).data;
  const pool = useQuery(poolQuery).data;
  const config = useQuery(configQuery).data;
  const usable = models?.filter(({ available }) => available).length;
  const startsItself = config?.auto_start_workers === true;
  return [
    {
      name: 'A base model',
      isDone: usable === undefined ? null : usable > 0,
      how: usable ? (
        <>
          {count(usable)} on this machine can be used. <To address="/models">Look at them</To>
        </>
      ) : (
        <>
          There is none that can be used. <To address="/models">See how to get one</To>
        </>
      ),
    },
    {
      name: 'A dataset',
      isDone: datasets === undefined ? null : datasets.total > 0,
      how: datasets?.total ? (
        <>
          {count(datasets.total)} uploaded. <To address="/datasets">Look at them</To>
        </>
      ) : (
        <>
          The rows to train on, as a file. <To address="/datasets">Upload one</To>
        </>
      ),
    },
    {
      name: 'A worker',
      isDone: pool === undefined || config === undefined ? null : pool.active_workers > 0 || startsItself,
      how: pool?.active_workers
        ? `${count(pool.active_workers)} up.`
        : startsItself
          ? 'One is started by itself when a run waits.'
          : 'It does the training. Start it below, at Workers.',
    },
    {
      name: 'A training',
      isDone: false,
      how: (
        <>
          Choose the model, the rows and how to train. <To address="/new">New training</To>
        </>
      ),
    },
  ];
}

function To({ address, children }: { address: string; children: string }) {
  return (
    <Anchor component={Link} href={address} size="sm">
      {children}
    </Anchor>
  );
}
