import { Text } from '@mantine/core';

/** A part of a whole as a bar under the words that say it. */
export function Bar({ value, of, label }: { value: number; of: number; label: string }) {
  return (
    <div className="bar">
      <Text size="sm">{label}</Text>
      <Share value={value} of={of} />
    </div>
  );
}

/** The bar alone, beside a number that is there as text. */
export function Share({ value, of }: { value: number; of: number }) {
  // What is there is seen, however little it is.
  const width = of === 0 ? 0 : Math.max(value > 0 ? 0.5 : 0, (100 * value) / of);
  return (
    <span className="share" aria-hidden="true">
      <span style={{ width: `${width}%` }} />
    </span>
  );
}
