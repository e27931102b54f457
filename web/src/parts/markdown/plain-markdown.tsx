import { Code, List, Stack, Table, Text, Title, type TitleOrder } from '@mantine/core';
import { Scrolled } from '../scrolled.tsx';
import { shown } from '../user-text.tsx';
import { type Block, blocksOf, inlineOf } from './blocks.ts';

interface PlainMarkdownProps {
  children: string;
  /** What it is, for those who reach a part of it by keyboard. */
  label: string;
  /** Of its first heading on the page. */
  order: TitleOrder;
}

/** A text in Markdown with its headings, lists, tables and code. No HTML of it is ever run, no link leads away, and no picture is loaded. */
export function PlainMarkdown({ children, label, order }: PlainMarkdownProps) {
  return (
    <Stack gap="sm">
      {blocksOf(children).map((block, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a block is known by its place alone
        <BlockView key={place} block={block} label={`${label}, part ${place + 1}`} order={order} />
      ))}
    </Stack>
  );
}

function BlockView({ block, label, order }: { block: Block; label: string; order: TitleOrder }) {
  switch (block.kind) {
    case 'heading':
      return (
        <Title order={Math.min(6, order + block.level - 1) as TitleOrder} size="h5" dir="auto" className="user-text">
          <Inline text={block.text} />
        </Title>
      );
    case 'code':
      return (
        <Code block className="user-text">
          {shown(block.text)}
        </Code>
      );
    case 'list':
      return (
        <List>
          {block.items.map((item, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two items may be the same
            <List.Item key={place} dir="auto">
              <Inline text={item} />
            </List.Item>
          ))}
        </List>
      );
    case 'table':
      return <TableView head={block.head} rows={block.rows} label={label} />;
    default:
      return (
        <Text dir="auto" className="user-text">
          <Inline text={block.text} />
        </Text>
      );
  }
}

function TableView({ head, rows, label }: { head: string[]; rows: string[][]; label: string }) {
  return (
    <Scrolled label={label}>
      <Table verticalSpacing={4} w="auto" maw="none">
        <Table.Thead>
          <Table.Tr>
            {head.map((cell, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have the same name
              <Table.Th key={column} scope="col">
                <Inline text={cell} />
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two rows may be the same
            <Table.Tr key={place}>
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a cell is known by its column alone
                <Table.Td key={column} dir="auto">
                  <Inline text={cell} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scrolled>
  );
}

function Inline({ text }: { text: string }) {
  return inlineOf(text).map((piece, place) =>
    // biome-ignore lint/suspicious/noArrayIndexKey: a piece is known by its place alone
    piece.isCode ? <Code key={place}>{shown(piece.text)}</Code> : shown(piece.text),
  );
}
