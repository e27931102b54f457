import { Checkbox, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { configQuery } from '../../api/service.ts';
import type { Config } from '../../api/settings.ts';

export type TrackerName = Config['trackers'][number];

const LABELS: Record<TrackerName, string> = { mlflow: 'MLflow', wandb: 'Weights & Biases', trackio: 'trackio' };

interface TrackerFieldsProps {
  chosen: TrackerName[];
  onChange: (chosen: TrackerName[]) => void;
  error: string | undefined;
}

/** The trackers that may follow what is trained: those that are configured. Nothing where there are none. */
export function TrackerFields({ chosen, onChange, error }: TrackerFieldsProps) {
  const { trackers: configured = [] } = useQuery(configQuery).data ?? {};
  // One that a copied run had is there to be taken out: the service refuses it by name.
  const gone = chosen.filter((name) => !configured.includes(name));
  if (configured.length + gone.length === 0) return null;
  return (
    <Checkbox.Group
      label="Trackers"
      description="Told of each run: settings, figures of each step and the report."
      value={chosen}
      onChange={(names) => onChange([...configured, ...gone].filter((name) => names.includes(name)))}
      error={error}
    >
      <Group mt="xs">
        {configured.map((name) => (
          <Checkbox key={name} value={name} label={LABELS[name]} />
        ))}
        {gone.map((name) => (
          <Checkbox key={name} value={name} label={`${LABELS[name]}, not configured any more`} />
        ))}
      </Group>
    </Checkbox.Group>
  );
}
