import type { Connection } from '@temporalio/client';

/**
 * A connection has what its calls are made with (deadline, metadata) in an AsyncLocalStorage. From the first use of one, Node
 * follows every promise of the process, which costs an API more than Temporal is worth to most of its answers. A call reads it
 * before it waits for anything, so a variable does as well, for calls that are wrapped one by one: see `callsUntil`.
 */
export function withoutAsyncContext(connection: Connection): Connection {
  type Context = ReturnType<typeof storage.getStore>;
  const storage = connection.callContextStorage;
  let current: Context;
  storage.getStore = () => current;
  storage.run = <Result>(context: Context, call: (...args: never[]) => Result, ...args: never[]): Result => {
    const outer = current;
    current = context;
    try {
      return call(...args);
    } finally {
      current = outer;
    }
  };
  return connection;
}

/** The same connection, for a client whose every call ends by then. @param deadlineMs as it is when the call begins */
export function callsUntil(connection: Connection, deadlineMs: () => number): Connection {
  const workflowService = new Proxy(connection.workflowService, {
    get: (service, name) => {
      const method: unknown = Reflect.get(service, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => connection.withDeadline(deadlineMs(), () => Reflect.apply(method, service, args));
    },
  });
  return Object.create(connection, { workflowService: { value: workflowService } }) as Connection;
}
