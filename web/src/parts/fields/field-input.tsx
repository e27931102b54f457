import { type InputWrapperProps, NativeSelect, Textarea, TextInput } from '@mantine/core';
import type { RequestField } from '../../api/request-fields.ts';
import { labelOf, rangeOf, readField } from './values.ts';

interface FieldInputProps {
  field: RequestField;
  /** As it was typed; '' leaves it out. */
  value: string;
  onChange: (value: string) => void;
  /** What is taken without it, where the page knows. */
  standard?: string | null;
  label?: string;
  /** It has a value always: there is nothing to leave out. */
  isSet?: boolean;
  /** What the API says of it. A value that the document does not allow is said without asking. */
  error?: string | undefined;
}

/** A field of a request: what it does, its range and its default, as the OpenAPI document of the service says. */
export function FieldInput({
  field,
  value,
  onChange,
  standard = field.standard,
  label = labelOf(field.name),
  isSet = false,
  error,
}: FieldInputProps) {
  const read = readField(field, value);
  const problem = read !== null && 'problem' in read ? read.problem : error;
  const range = rangeOf(field);
  const notSaid = standard !== null && field.standard === null && !isSet ? ` Default: ${standard}.` : '';
  const description = `${field.description}${range === '' ? '' : ` From ${range}.`}${notSaid}`;
  if (field.kind === 'choice' || field.kind === 'switch') {
    const choices =
      field.kind === 'switch' ? SWITCHED : field.choices.map((choice) => ({ value: choice, label: choice }));
    const none = { value: '', label: standard === null ? 'not chosen' : `default: ${wordOf(standard)}` };
    return (
      <NativeSelect
        label={label}
        description={description}
        inputWrapperOrder={INPUT_ORDER}
        error={problem}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        data={isSet ? choices : [none, ...choices]}
      />
    );
  }
  if (field.kind === 'pairs')
    return (
      <Textarea
        label={label}
        description={`${description} On each line a name, "=", and what it stands for.`}
        inputWrapperOrder={INPUT_ORDER}
        error={problem}
        value={value}
        onChange={(event) => onChange(event.currentTarget.value)}
        placeholder="none"
        autosize
        minRows={2}
        maxRows={10}
        autoComplete="off"
        spellCheck={false}
      />
    );
  return (
    <TextInput
      label={label}
      description={description}
      inputWrapperOrder={INPUT_ORDER}
      error={problem}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      placeholder={standard ?? 'not chosen'}
      inputMode={inputModeOf(field)}
      autoComplete="off"
      spellCheck={false}
    />
  );
}

function inputModeOf({ kind, choices }: RequestField): 'numeric' | 'decimal' | 'text' {
  if (choices.length > 0) return 'text';
  return kind === 'integer' ? 'numeric' : kind === 'number' ? 'decimal' : 'text';
}

/** So that inputs beside each other are in line, however long their descriptions are. */
export const INPUT_ORDER: NonNullable<InputWrapperProps['inputWrapperOrder']> = [
  'label',
  'input',
  'description',
  'error',
];

const SWITCHED = [
  { value: 'true', label: 'yes' },
  { value: 'false', label: 'no' },
];

function wordOf(standard: string): string {
  return SWITCHED.find(({ value }) => value === standard)?.label ?? standard;
}
