import { Stack, Table, Text } from '@mantine/core';
import { ToCopy } from '../to-copy.tsx';

const WAYS = [
  {
    command: 'npm run mtm -- model install smollm2-135m',
    gives: 'SmolLM2 with 135 M parameters (270 MB): small enough for a computer without a GPU.',
  },
  {
    command: 'npm run mtm -- model install minilm',
    gives: 'all-MiniLM-L6-v2, which makes the index of the training type rag.',
  },
  {
    command: 'mtm model add ORG/NAME',
    gives: 'Any model of the Hugging Face hub. It goes on where it stopped, whatever was killed.',
  },
  { command: 'npm run mtm -- model import llama3.2:3b', gives: 'A model that Ollama has pulled.' },
];

/** The commands by which a base model comes to the machine of the service, beside the form for those of the Hugging Face hub. */
export function HowToGetOne() {
  return (
    <Stack gap="sm">
      <Text>
        Or run one of these on the machine of the service, in its folder; the model is listed here when it is complete.
        With Docker Compose it is docker compose run --rm model install smollm2-135m.
      </Text>
      <Table captionSide="top" layout="fixed">
        <Table.Tbody>
          {WAYS.map(({ command, gives }) => (
            <Table.Tr key={command}>
              <Table.Td>
                <ToCopy text={command} label={command} />
                <Text size="sm" mt={4}>
                  {gives}
                </Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
