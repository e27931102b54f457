/** In the memo of a workflow that is traced. */
export const TRACED = 'traced';
