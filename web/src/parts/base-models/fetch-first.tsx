import { Checkbox } from '@mantine/core';
import { useModelState } from './model-select.tsx';

interface FetchFirstProps {
  model: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** Of a model that is not there, whether the run fetches it. What is there and cannot be used, its own sentence says how to mend. */
export function FetchFirst({ model: name, checked, onChange }: FetchFirstProps) {
  const { model, isUsable } = useModelState(name);
  if (isUsable !== false || model !== undefined) return null;
  return (
    <Checkbox
      label="Fetch it from the Hugging Face hub first"
      description="The run waits until it is there, and then goes on by itself."
      checked={checked}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}
