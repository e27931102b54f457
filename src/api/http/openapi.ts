import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import type { Context } from 'koa';
import { VERSION } from '../../platform/version.ts';
import { SECURITY_SCHEME } from './document-endpoint.ts';
import type { Endpoints } from './endpoint.ts';
import type { Routes } from './routes.ts';
import { OWN_WIRE } from './wire.ts';

const UI_DIR = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const UI_FILES: Record<string, string> = { 'swagger-ui.css': 'text/css', 'swagger-ui-bundle.js': 'text/javascript' };

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Model Training Manager API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="ui"></div><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/page.js"></script></body></html>
`;

/** A file of its own: the page's security policy lets no inline script run. */
const PAGE_SCRIPT = `SwaggerUIBundle({ url: '${OWN_WIRE.basePath}/openapi.json', dom_id: '#ui' });\n`;

/** The OpenAPI document of what the endpoints have declared by now. */
export function describeApi({ registry, wire: { title, description } }: Endpoints): object {
  registry.registerComponent('securitySchemes', SECURITY_SCHEME, {
    type: 'http',
    scheme: 'bearer',
    description: 'A key with the role that `x-required-role` names, or one of MTM_API_KEYS, where the service has any.',
  });
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: { title, version: VERSION, description },
    servers: [{ url: '/' }],
    security: [{}, { [SECURITY_SCHEME]: [] }],
  });
}

/** Adds the OpenAPI document of each wire, made once, and a page that shows that of our own without the internet. */
export function addDocs(routes: Routes, wires: Endpoints[]): void {
  // What can be asked for is no secret.
  const show = (path: string, answer: (ctx: Context) => Promise<void> | void) =>
    routes.add({ method: 'get', path, open: true, handle: answer });
  for (const endpoints of wires) {
    const document = describeApi(endpoints);
    show(`${endpoints.wire.basePath}/openapi.json`, (ctx) => {
      ctx.body = document;
    });
  }
  show('/docs', (ctx) => {
    ctx.type = 'html';
    ctx.body = PAGE;
  });
  show('/docs/page.js', (ctx) => {
    ctx.type = 'text/javascript';
    ctx.body = PAGE_SCRIPT;
  });
  for (const [name, type] of Object.entries(UI_FILES)) {
    show(`/docs/${name}`, async (ctx) => {
      ctx.type = type;
      ctx.body = await readFile(join(UI_DIR, name));
    });
  }
}
