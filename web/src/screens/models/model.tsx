import { Alert, Anchor, List, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { type BaseModelWithTemplate, baseModelQuery } from '../../api/base-models.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { about, bytes, count } from '../../parts/numbers.ts';
import { Problem } from '../../parts/problem.tsx';
import { Screen } from '../../parts/screen.tsx';
import { Scrolled } from '../../parts/scrolled.tsx';
import { shown, UserText } from '../../parts/user-text.tsx';
import { DeleteModel } from './delete-model.tsx';
import { templateSentences } from './template-sentences.ts';

/** A base model: what its files tell of it, and what its chat template can show. */
export function Model({ name }: { name: string }) {
  const { data, error } = useQuery(baseModelQuery(name));
  return (
    <Screen
      title={shown(name)}
      heading={<UserText inline>{name}</UserText>}
      actions={
        <>
          {data && (
            <Allowed needs="admin" silently>
              <DeleteModel name={name} />
            </Allowed>
          )}
          <Anchor component={Link} href="/models">
            All base models
          </Anchor>
        </>
      }
    >
      <Problem error={error} title="It cannot be used" />
      {data && (
        <>
          {!data.available && (
            <Alert color="yellow" title="It cannot be used">
              {data.errors.map((sentence) => (
                <UserText key={sentence}>{sentence}</UserText>
              ))}
            </Alert>
          )}
          <Facts model={data} />
          <Template model={data} />
        </>
      )}
    </Screen>
  );
}

function Facts({ model }: { model: BaseModelWithTemplate }) {
  const {
    parameters,
    parameters_by_dtype,
    size_bytes,
    disk_bytes,
    context_length,
    license,
    architecture,
    model_type,
    quantization,
    path,
    revision,
  } = model;
  const types = Object.entries(parameters_by_dtype ?? {}).map(([type, amount]) => `${about(amount)} in ${type}`);
  const facts: [string, string | null][] = [
    [
      'Parameters',
      parameters === null
        ? null
        : [
            about(parameters),
            ...(types.length > 1 ? [`(${types.join(', ')})`] : types.map((type) => type.replace(/^.* in/, 'in'))),
          ].join(' '),
    ],
    ['Size', size_bytes === null ? null : bytes(size_bytes)],
    ['On the disk', disk_bytes === null ? null : bytes(disk_bytes)],
    ['Tokens at once', context_length === null ? null : count(context_length)],
    ['License', license],
    [
      'Architecture',
      [architecture, model_type === null ? null : `(${model_type})`].filter((part) => part !== null).join(' ') || null,
    ],
    ...(quantization === null ? [] : [['Stored as', quantization] as [string, string]]),
    ['Where', path],
    ['Revision', revision],
  ];
  return (
    <Scrolled label="Facts">
      <Table maw={760}>
        <Table.Tbody>
          {facts.map(([fact, value]) => (
            <Table.Tr key={fact}>
              <Table.Th scope="row" w={140}>
                {fact}
              </Table.Th>
              <Table.Td>{value === null ? 'not told by its files' : <UserText inline>{value}</UserText>}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}

function Template({ model: { available, chat_template, template } }: { model: BaseModelWithTemplate }) {
  return (
    <Stack component="section" aria-labelledby="template" gap="sm">
      <Title order={2} size="h4" id="template">
        Chat template
      </Title>
      {chat_template === 'default' && (
        <Text>It has none of its own: it is trained with ChatML, which its tuned model gets as well.</Text>
      )}
      {template !== null ? (
        <List>
          {templateSentences(template).map((sentence) => (
            <List.Item key={sentence}>{shown(sentence)}</List.Item>
          ))}
        </List>
      ) : available ? (
        <Text>
          What it can show is not known yet. The trainer's Python finds it out, which takes a while the first time; it
          appears here as soon as it is known.
        </Text>
      ) : (
        <Text>What it can show is found out once the model can be used.</Text>
      )}
    </Stack>
  );
}
