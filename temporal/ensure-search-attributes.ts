import type { ConnectionLike } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';

/** `temporal.api.enums.v1.IndexedValueType`, of the types that we use. */
const INDEXED_VALUE_TYPES = { Keyword: 2, Int: 3, KeywordList: 7 } as const;

/**
 * Registers what of our search attributes a namespace lacks: a server that others set up knows none of them. The local
 * server gets them on its command line, where they hold from the first moment; elsewhere the frontend may need a minute.
 * @throws Error that names the attributes and the command, when the namespace does not let us (Temporal Cloud).
 */
export async function ensureSearchAttributes(connection: ConnectionLike, namespace: string): Promise<void> {
  const { operatorService } = connection;
  try {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const missing = SEARCH_ATTRIBUTES.filter(({ name }) => customAttributes?.[name] === undefined);
    if (missing.length === 0) return;
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPES[type]])),
    });
  } catch (error) {
    const flags = SEARCH_ATTRIBUTES.map(({ name, type }) => `--name ${name} --type ${type}`).join(' ');
    throw new Error(
      `The search attributes of namespace ${namespace} could not be set up. Add them once, with: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause: error },
    );
  }
}
