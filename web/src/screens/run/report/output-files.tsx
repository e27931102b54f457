import { Stack, Table, Text, Title } from '@mantine/core';
import { type OutputFile, outputFile } from '../../../api/outputs.ts';
import type { RunOwner } from '../../../api/types.ts';
import { Allowed, ToDownload } from '../../../parts/allowed.tsx';
import { DataTable } from '../../../parts/data-table.tsx';
import { Folded } from '../../../parts/folded.tsx';
import { bytes } from '../../../parts/numbers.ts';
import { ToCopy } from '../../../parts/to-copy.tsx';
import { shown, UserText } from '../../../parts/user-text.tsx';

interface OutputFilesProps {
  owner: RunOwner;
  run: number;
  files: OutputFile[];
  /** The folder on the machine of the service. */
  where: string;
}

/** The files of the model: each with its size and hash, and to be downloaded alone. */
export function OutputFiles({ owner, run, files, where }: OutputFilesProps) {
  return (
    <Stack component="section" aria-labelledby="report-files" gap="sm">
      <Title order={2} size="h4" id="report-files">
        Files of the model
      </Title>
      <Text component="div" size="sm">
        They lie in <UserText inline>{where}</UserText>
      </Text>
      <DataTable label="Sizes and hashes" heads={['File', 'Size', 'SHA-256']} verticalSpacing={4}>
        {files.map(({ path, bytes: size, sha256 }) => (
          <Table.Tr key={path}>
            <Table.Th scope="row">
              <ToDownload href={outputFile(owner, run, path)}>{shown(path)}</ToDownload>
            </Table.Th>
            <Table.Td className="no-wrap">{bytes(size)}</Table.Td>
            <Table.Td>
              <code className="report-hash">{sha256}</code>
            </Table.Td>
          </Table.Tr>
        ))}
      </DataTable>
      <Allowed needs="trainer">
        <Folded label="Check them after a download">
          <Stack gap="xs">
            <Text size="sm">
              Save these lines beside the files as SHA256SUMS, then run: <code>sha256sum -c SHA256SUMS</code>
            </Text>
            <ToCopy label="SHA256SUMS" text={files.map(({ path, sha256 }) => `${sha256}  ${path}`).join('\n')} />
          </Stack>
        </Folded>
      </Allowed>
    </Stack>
  );
}
