import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';

interface Schema {
  $ref?: string;
  example?: unknown;
}

type Content = Record<string, { schema: Schema; example?: unknown }>;

interface OpenApiDocument {
  paths: Record<string, Record<string, { responses: Record<string, { content?: Content }> }>>;
  components: { schemas: Record<string, Schema> };
}

/** Checks answers against the service's own OpenAPI document. */
export class DocumentedAnswers {
  readonly document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });

  constructor(document: OpenApiDocument) {
    this.document = document;
    this.#ajv.addSchema(document, 'openapi');
  }

  /** Every operation, as `GET /jobs/{id}`. */
  operations(): string[] {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('/api/v1', '')}`),
    );
  }

  /** The statuses that are documented for an operation of `operations()`. */
  statuses(operation: string): number[] {
    const [method = '', path = ''] = operation.split(' ');
    return Object.keys(this.document.paths[`/api/v1${path}`]?.[method.toLowerCase()]?.responses ?? {}).map(Number);
  }

  /** What a status of an operation is documented with. */
  description(operation: string, status: number): string {
    const [method = '', path = ''] = operation.split(' ');
    const answer = this.document.paths[`/api/v1${path}`]?.[method.toLowerCase()]?.responses?.[status];
    return (answer as { description?: string } | undefined)?.description ?? '';
  }

  /**
   * @throws AssertionError when this status or type is not documented for the operation, or a JSON body has another form.
   */
  check(method: string, path: string, status: number, body: unknown, type = 'application/json'): void {
    const asked = `/api/v1${path.replace(/\?.*/, '')}`;
    const pattern = Object.keys(this.document.paths)
      .filter((candidate) => new RegExp(`^${candidate.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(asked))
      .sort((a, b) => Number(b === asked) - Number(a === asked))[0];
    const operation = this.document.paths[pattern ?? '']?.[method.toLowerCase()];
    assert.ok(pattern && operation, `${method} ${path} is documented`);
    const response = operation.responses[String(status)];
    assert.ok(response, `${method} ${path} answered ${status}, which is not documented: ${JSON.stringify(body)}`);
    if (!response.content) return;
    assert.ok(response.content[type], `${method} ${path} answered ${status} with ${type}, which is not documented`);
    if (type !== 'application/json') return;
    const pointer = [
      'paths',
      pattern,
      method.toLowerCase(),
      'responses',
      String(status),
      'content',
      'application/json',
    ];
    const errors = this.errorsOf([...pointer, 'schema'], body);
    assert.equal(errors, null, `${method} ${path} ${status}: ${errors} in ${JSON.stringify(body)}`);
  }

  /** What is wrong with a value by a schema of the document, or null. */
  errorsOf(pointer: string[], value: unknown): string | null {
    const escaped = pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = this.#ajv.getSchema(`openapi#/${escaped.join('/')}`);
    assert.ok(validate, `${pointer.join(' ')} is a schema`);
    return validate(value) ? null : JSON.stringify(validate.errors);
  }

  /** Every body of every answer, with its example: beside its schema, in it, or in the component that it names. */
  examples() {
    return Object.entries(this.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.entries(responses).flatMap(([status, { content }]) =>
          Object.entries(content ?? {}).map(([type, media]) => {
            const pointer = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
            const component = this.document.components.schemas[media.schema.$ref?.split('/').at(-1) ?? ''];
            const example = media.example ?? media.schema.example ?? component?.example;
            return { of: `${method} ${path} ${status}`, content: { pointer, example } };
          }),
        ),
      ),
    );
  }
}
