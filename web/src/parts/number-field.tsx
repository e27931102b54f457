import { NumberInput, type NumberInputProps } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useState } from 'react';

const TAKE_AFTER_MS = 400;

interface NumberFieldProps extends Pick<NumberInputProps, 'label' | 'description' | 'w' | 'step'> {
  value: number;
  min: number;
  max: number;
  onTake: (value: number) => void;
}

/** A whole number that something is read by: taken when typing has paused, and only where it is possible. */
export function NumberField({ value, min, max, onTake, ...props }: NumberFieldProps) {
  const [typed, setTyped] = useState<number | string>(value);
  const take = useDebouncedCallback(onTake, TAKE_AFTER_MS);
  useEffect(() => setTyped(value), [value]);
  return (
    <NumberInput
      {...props}
      value={typed}
      min={min}
      max={max}
      allowDecimal={false}
      onChange={(next) => {
        setTyped(next);
        if (typeof next === 'number' && next >= min && next <= max) take(next);
      }}
    />
  );
}
