/** What bin/build.mjs keeps beside the code that it compiled: see BUILT.openapi. */
import { loadEnv } from '../platform/env.ts';
import { main } from './openapi-command.ts';

await main(loadEnv());
