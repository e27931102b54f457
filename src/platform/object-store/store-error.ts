import { TransientError } from '../failure.ts';
import { isDiskFull } from '../files.ts';

/** What stores answer that a person has to mend, by the codes of S3. */
const REMEDIES: Record<string, string> = {
  NoSuchBucket: 'There is no such bucket: make it, or set MTM_STORE_URL to one that exists.',
  AccessDenied: 'The key may not do that: it needs to list, read, write and delete below the prefix.',
  InvalidAccessKeyId: 'It does not know AWS_ACCESS_KEY_ID.',
  SignatureDoesNotMatch: 'AWS_SECRET_ACCESS_KEY is not the one of AWS_ACCESS_KEY_ID.',
  ExpiredToken: 'AWS_SESSION_TOKEN has expired.',
  CredentialsProviderError: 'There is no key for it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  PermanentRedirect: 'The bucket is in another region: set AWS_REGION.',
  AuthorizationHeaderMalformed: 'The bucket is in another region: set AWS_REGION.',
};

/** The store does not do what it is asked. Transient: the same again may succeed, maybe after a person mended it. */
export class StoreError extends TransientError {
  /** @returns the error itself where it is of a file of this machine */
  static of(error: unknown, address: string): unknown {
    if (isDiskFull(error) || error instanceof StoreError) return error;
    if (error instanceof Error && 'path' in error) return error;
    const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const said = REMEDIES[name] ?? `It does not answer as it should (${[code, message].filter(Boolean).join(': ')}).`;
    return new StoreError(`The store ${address}: ${said}`, { cause: error });
  }
}
