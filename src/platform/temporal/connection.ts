import { InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Env } from '../env.ts';
import { withoutAsyncContext } from './deadlines.ts';
import { connectionOptions, tlsRemedy } from './settings.ts';

/** A connection for clients. After `close`, calls that still wait for another try end as cancelled. */
export interface ClientConnection {
  connection: Connection;
  close(): Promise<void>;
}

/**
 * For clients. Connects when first used, so that the API starts and answers while Temporal is away.
 * @param retries whether a call that reaches nobody is tried again until its deadline; otherwise it says at once why
 */
export function lazyConnection(env: Env, { retries = true } = {}): ClientConnection {
  let closed = false;
  // The client's own retries know nothing of `close`: their timer would call on a channel that is shut down, which
  // throws where nobody can catch it and ends the process.
  const untilClosed: Interceptor = (options, nextCall) =>
    new InterceptingCall(closed ? CANCELLED_CALL : nextCall(options));
  const connection = withoutAsyncContext(
    Connection.lazy({
      ...connectionOptions(env),
      interceptors: [...(retries ? [makeGrpcRetryInterceptor(defaultGrpcRetryOptions())] : []), untilClosed],
    }),
  );
  return {
    connection,
    close: async () => {
      closed = true;
      await connection.close();
    },
  };
}

/** A call that reaches nobody, and says so at once. */
const CANCELLED_CALL: ReturnType<Parameters<Interceptor>[1]> = {
  start: (_metadata, listener) => {
    listener?.onReceiveMessage?.(null);
    listener?.onReceiveStatus?.({
      code: status.CANCELLED,
      details: 'The connection was closed.',
      metadata: new Metadata(),
    });
  },
  sendMessage: () => {},
  sendMessageWithContext: () => {},
  startRead: () => {},
  halfClose: () => {},
  cancelWithStatus: () => {},
  getPeer: () => '',
  getAuthContext: () => null,
};

/** For workers. @throws Error with the reason when Temporal cannot be reached now */
export async function workerConnection(env: Env): Promise<NativeConnection> {
  const { address, tls, apiKey, metadata } = connectionOptions(env);
  try {
    return await NativeConnection.connect({
      address,
      ...(tls === undefined ? {} : { tls }),
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
      ...(metadata === undefined ? {} : { metadata }),
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Temporal at ${address} cannot be reached: ${why.replace(/\.?$/, '.')} ${tlsRemedy(error)}`.trimEnd(),
      {
        cause: error,
      },
    );
  }
}
