import { setTimeout as after } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';

/** Closed workflows are kept for so long at least: they tell how a run ended, and a Reset in the Web UI needs them. */
export const LEAST_RETENTION_DAYS = 90;

const DAY_MS = 24 * 3_600_000;
const CALL_TIMEOUT_MS = 5_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 1_000;
/** Of gRPC. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const UNAVAILABLE = 14;
const REFUSALS = [/* PERMISSION_DENIED */ 7, /* UNIMPLEMENTED */ 12];
/** Of the types that we use: `temporal.api.enums.v1.IndexedValueType`, and a value that no workflow of ours has. */
const VALUE_TYPES = {
  Keyword: { number: 2, unused: "'none'" },
  Int: { number: 3, unused: '-1' },
  KeywordList: { number: 7, unused: "'none'" },
} as const;

/** Only a person can help: another try would end the same way. */
export class NamespaceRefused extends Error {}

export interface NamespaceSetUp {
  namespace: string;
  /**
   * Whether the server is ours alone, so that a namespace which keeps closed workflows for too short a time is changed.
   * One that others set up is left as it is, and `onNotice` hears of it.
   */
  isOurs: boolean;
  /** After so long there is no further try. */
  timeoutMs: number;
  /** Opens a connection, of its own for each try: a host name may lead elsewhere by then. */
  connect: () => Promise<{ connection: ConnectionLike; close(): Promise<void> }>;
  /** Gets sentences for people: why a try failed, once each, and what is not as it should be. */
  onNotice: (sentence: string) => void;
  /** What to look at, as a sentence, for a reason that we do not know; may be empty. */
  remedyOf?: (error: unknown) => string;
  /** Ends the tries. */
  signal?: AbortSignal;
}

/**
 * Makes the namespace and its search attributes where they are missing, and returns when workflows can be started in it.
 * Several processes may do it at once, and again.
 * @throws NamespaceRefused at once when the server does not let us; Error with the last failure after `timeoutMs`.
 */
export async function setUpNamespace(options: NamespaceSetUp): Promise<void> {
  const { namespace, timeoutMs, connect, signal } = options;
  const deadline = performance.now() + timeoutMs;
  const said = new Set<string>();
  const onNotice = (sentence: string) => {
    if (!said.has(sentence)) options.onNotice(sentence);
    said.add(sentence);
  };
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 1.3, LONGEST_DELAY_MS)) {
    signal?.throwIfAborted();
    try {
      const { connection, close } = await connect();
      try {
        return await tryToSetUp(connection, { ...options, onNotice });
      } finally {
        await close();
      }
    } catch (error) {
      if (error instanceof NamespaceRefused) throw error;
      const reason = `Temporal's namespace ${namespace} cannot be used yet: ${reasonOf(error)}`;
      const sentence = `${reason} ${codeOf(error) === UNAVAILABLE ? (options.remedyOf?.(error) ?? '') : ''}`.trimEnd();
      if (performance.now() > deadline) throw new Error(sentence, { cause: error });
      onNotice(sentence);
    }
    await after(delayMs, undefined, { signal });
  }
}

/** @throws when something is missing still */
async function tryToSetUp(connection: ConnectionLike, options: NamespaceSetUp): Promise<void> {
  const { namespace } = options;
  await within(connection, () => ensureNamespace(connection, options));
  if (await within(connection, () => knowsSearchAttributes(connection, namespace))) return;
  await within(connection, () => addSearchAttributes(connection, namespace));
  if (await within(connection, () => knowsSearchAttributes(connection, namespace))) return;
  throw new Error('The server takes a moment to know its new search attributes');
}

function within<T>(connection: ConnectionLike, calls: () => Promise<T>): Promise<T> {
  return connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, calls);
}

async function ensureNamespace(connection: ConnectionLike, options: NamespaceSetUp): Promise<void> {
  const { workflowService } = connection;
  const { namespace, isOurs, onNotice } = options;
  let keptDays: number;
  try {
    const { config } = await workflowService.describeNamespace({ namespace });
    const kept = config?.workflowExecutionRetentionTtl;
    keptDays = kept ? tsToMs(kept) / DAY_MS : 0;
  } catch (error) {
    if (codeOf(error) !== NOT_FOUND) throw error;
    return await registerNamespace(connection, namespace);
  }
  if (keptDays >= LEAST_RETENTION_DAYS) return;
  if (isOurs) {
    await workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl: leastRetention() } });
    return;
  }
  onNotice(
    `Namespace ${namespace} keeps closed workflows for ${Math.floor(keptDays)} days; let it keep them for ${LEAST_RETENTION_DAYS}: temporal operator namespace update --namespace ${namespace} --retention ${LEAST_RETENTION_DAYS}d`,
  );
}

async function registerNamespace({ workflowService }: ConnectionLike, namespace: string): Promise<void> {
  try {
    await workflowService.registerNamespace({
      namespace,
      description: 'Trainings of the Model Training Manager',
      workflowExecutionRetentionPeriod: leastRetention(),
    });
  } catch (error) {
    if (codeOf(error) === ALREADY_EXISTS) return;
    if (!isRefusal(error)) throw error;
    throw new NamespaceRefused(
      `There is no namespace ${namespace}, and Temporal does not let us make it: ${reasonOf(error)} Temporal Cloud lets no client register namespaces: make it in its console, with a retention of ${LEAST_RETENTION_DAYS} days. On a server of your own: temporal operator namespace create --namespace ${namespace} --retention ${LEAST_RETENTION_DAYS}d`,
      { cause: error },
    );
  }
}

/** Asks for workflows by all of them. A list of the attributes may be refused, and is ahead of what can be used. */
async function knowsSearchAttributes({ workflowService }: ConnectionLike, namespace: string): Promise<boolean> {
  const query = SEARCH_ATTRIBUTES.map(({ name, type }) => `${name} = ${VALUE_TYPES[type].unused}`).join(' AND ');
  try {
    await workflowService.countWorkflowExecutions({ namespace, query });
    return true;
  } catch (error) {
    if (codeOf(error) === INVALID_ARGUMENT) return false;
    throw error;
  }
}

async function addSearchAttributes({ operatorService }: ConnectionLike, namespace: string): Promise<void> {
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const typeOf = (name: string) => customAttributes?.[name];
    const wrong = SEARCH_ATTRIBUTES.filter(
      ({ name, type }) => typeOf(name) !== undefined && typeOf(name) !== VALUE_TYPES[type].number,
    );
    if (wrong.length > 0) {
      const needed = wrong.map(({ name, type }) => `${name} has to be ${type}`).join(', ');
      throw new NamespaceRefused(
        `Search attributes of namespace ${namespace} are of another type than ours: ${needed}. Set TEMPORAL_NAMESPACE to another namespace, or remove them with: temporal operator search-attribute remove --namespace ${namespace} ${wrong.map(({ name }) => `--name ${name}`).join(' ')}`,
      );
    }
    const missing = SEARCH_ATTRIBUTES.filter(({ name }) => typeOf(name) === undefined);
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map(({ name, type }) => [name, VALUE_TYPES[type].number]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const flags = SEARCH_ATTRIBUTES.map(({ name, type }) => `--name ${name} --type ${type}`).join(' ');
    throw new NamespaceRefused(
      `Temporal does not let us add search attributes to namespace ${namespace}: ${reasonOf(error)} Add them once, on Temporal Cloud in its console, on a server of your own with: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause: error },
    );
  }
}

function leastRetention(): ReturnType<typeof msToTs> {
  return msToTs(LEAST_RETENTION_DAYS * DAY_MS);
}

function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && REFUSALS.includes(code);
}

function codeOf(error: unknown): number | undefined {
  return isGrpcServiceError(error) ? error.code : undefined;
}

/** What went wrong, in the server's words, as a sentence. */
function reasonOf(error: unknown): string {
  const text = isGrpcServiceError(error) ? error.details : error instanceof Error ? error.message : String(error);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
