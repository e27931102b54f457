import { Anchor, Card, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { type BaseModel, baseModelsQuery } from '../../api/base-models.ts';
import { useParam } from '../../parts/address.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { usableFirst } from '../../parts/base-models/facts.ts';
import { HowToGetOne } from '../../parts/base-models/how-to-get-one.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { about, bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { UserText } from '../../parts/user-text.tsx';
import { AddModel } from './add-model.tsx';
import { Downloads } from './downloads.tsx';
import { Model } from './model.tsx';

/** The base models on this machine; or one of them, which the address names. */
export default function Models() {
  const name = useParam('model');
  return name === '' ? <All /> : <Model name={name} />;
}

function All() {
  const { data, error } = useQuery(baseModelsQuery);
  return (
    <Screen title="Base models">
      <Problem error={error} title="The models cannot be read" />
      {data &&
        (data.length === 0 ? (
          <Text>There is no base model on this machine yet, so nothing can be trained. Add one below.</Text>
        ) : (
          <Rows models={usableFirst(data)} />
        ))}
      <Downloads />
      {data && (
        <Card withBorder component="section" aria-labelledby="more">
          <Stack gap="sm">
            <Title order={2} size="h4" id="more">
              {data.length === 0 ? 'Get one' : 'Get another'}
            </Title>
            <Allowed needs="trainer">
              <AddModel />
            </Allowed>
            <HowToGetOne />
          </Stack>
        </Card>
      )}
    </Screen>
  );
}

function Rows({ models }: { models: BaseModel[] }) {
  return (
    <DataTable
      label="Base models"
      heads={['Model', 'Can be used', 'Parameters', 'On the disk', 'Tokens at once', 'License', 'Chat template']}
      miw={760}
      verticalSpacing="xs"
    >
      {models.map((model) => (
        <Row key={model.name} model={model} />
      ))}
    </DataTable>
  );
}

const TEMPLATES = { own: 'its own', default: 'none: ChatML' } as const;

function Row({ model }: { model: BaseModel }) {
  const { name, available, errors, parameters, disk_bytes, context_length, license, chat_template, quantization } =
    model;
  return (
    <Table.Tr>
      <Table.Th scope="row" maw={280}>
        <Anchor component={Link} href={`/models?model=${encodeURIComponent(name)}`}>
          <UserText inline>{name}</UserText>
        </Anchor>
      </Table.Th>
      <Table.Td maw={320}>
        {available ? (
          'yes'
        ) : (
          <Text size="sm" lineClamp={4} component="div">
            <UserText>{`no: ${errors.join(' ')}`}</UserText>
          </Text>
        )}
      </Table.Td>
      <Table.Td>{about(parameters)}</Table.Td>
      <Table.Td className="no-wrap">
        {bytes(disk_bytes)}
        {quantization !== null && ` (${quantization})`}
      </Table.Td>
      <Table.Td>{count(context_length)}</Table.Td>
      <Table.Td>{license === null ? '—' : <UserText inline>{license}</UserText>}</Table.Td>
      <Table.Td>{chat_template === null ? '—' : TEMPLATES[chat_template]}</Table.Td>
    </Table.Tr>
  );
}
