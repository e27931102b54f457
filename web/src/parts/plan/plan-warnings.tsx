import { Alert, List } from '@mantine/core';
import { shown } from '../user-text.tsx';

/** What a plan warns of; nothing where it does not. */
export function PlanWarnings({ warnings }: { warnings: string[] }) {
  if (warnings.length === 0) return null;
  return (
    <Alert color="yellow" title="Worth knowing">
      <List size="sm">
        {warnings.map((warning) => (
          <List.Item key={warning}>{shown(warning)}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
