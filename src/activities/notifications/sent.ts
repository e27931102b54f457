/** What came of sending something once. */
export interface Sent {
  /** `gone`: the receiver wants no more of anything. `refused`: it would be refused again, so it is not tried again. */
  is: 'delivered' | 'failed' | 'gone' | 'refused';
  /** A sentence for people, without secrets. */
  answer: string;
  /** The receiver asked not to be tried before. */
  retryAfterMs?: number;
}
