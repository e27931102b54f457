/** Those settings of a training that decide which tokens of a row are learnt, as the API has them. */
export const STANDARD_MAX_LENGTH = 1024;
export const SHORTEST_MAX_LENGTH = 16;
export const LONGEST_MAX_LENGTH = 131_072;

export const TOO_LONG = [
  { value: 'truncate', label: 'its end is cut off' },
  { value: 'drop', label: 'it is left out' },
  { value: 'split', label: 'it becomes several' },
] as const;

export const REASONING = [
  { value: 'inline', label: 'are learnt in the text' },
  { value: 'drop', label: 'are left out' },
] as const;

export const TOOL_CALLS = [
  { value: 'refuse', label: 'are refused' },
  { value: 'json', label: 'are written as JSON' },
] as const;

export const TRAIN_ON = [
  { value: 'answers', label: 'its answers' },
  { value: 'everything', label: 'all of it' },
  { value: 'last_answer', label: 'its last answer' },
] as const;

/** So many tokens are on the page at once. */
export const TOKENS_AT_ONCE = 2_000;
