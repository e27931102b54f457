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
    command: 'hf download ORG/NAME',
    gives: "Any model of Hugging Face in safetensors, into the service's cache. Some want hf auth login first.",
  },
  { command: 'npm run mtm -- model import llama3.2:3b', gives: 'A model that Ollama has pulled.' },
];

/** The commands by which a base model comes to the machine of the service: none is downloaded from here. */
export function HowToGetOne() {
  return (
    <Stack gap="sm">
      <Text>
        The service downloads nothing by itself. Run one of these on its machine, in the folder of the service; the
        model is listed here when it is complete. With Docker Compose it is docker compose run --rm model install
        smollm2-135m.
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
