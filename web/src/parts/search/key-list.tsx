import { Kbd, Switch, Table } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { areSingleKeysOn, turnSingleKeys } from './single-keys.ts';

const KEYS: [string[], string][] = [
  [['/'], 'Search'],
  [['Ctrl K', '⌘ K'], 'Search, also while you type in a field'],
  [['?'], 'Show these keys'],
  [['Tab', 'Shift Tab'], 'Go to the next or the previous control; the first one leads past the menu'],
  [['←', '→', 'Home', 'End'], 'On a curve: go along it, with Shift by ten points; between tabs: go to another'],
  [['+', '−', 'Esc'], 'On a curve: zoom in, zoom out, show all of it'],
  [['Esc'], 'Close what is open, and change nothing'],
];

/** What can be done by keyboard. */
export function KeyList() {
  const [isOn, setIsOn] = useState(areSingleKeysOn);
  const beginning = useRef<HTMLInputElement>(null);
  // The search, which may have led here, took the focus along.
  useEffect(() => beginning.current?.focus(), []);
  return (
    <>
      <Table>
        <Table.Tbody>
          {KEYS.map(([keys, does]) => (
            <Table.Tr key={does}>
              <Table.Th scope="row" w={150}>
                {keys.map((key) => (
                  <Kbd key={key} mr={4}>
                    {key}
                  </Kbd>
                ))}
              </Table.Th>
              <Table.Td>{does}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Switch
        ref={beginning}
        label="/ and ? work by themselves"
        description="Turn them off where you speak to your computer, or press them by mistake. Kept in this browser."
        checked={isOn}
        onChange={({ currentTarget: { checked } }) => {
          turnSingleKeys(checked);
          setIsOn(checked);
        }}
      />
    </>
  );
}
