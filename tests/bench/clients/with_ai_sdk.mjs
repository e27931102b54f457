// Vercel's AI SDK: texts, streamed and not, an object that a schema describes, and a call of a tool.
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';

const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey, BASE_MODEL: name } = process.env;
const model = createOpenAICompatible({ name: 'mtm', baseURL, apiKey, supportsStructuredOutputs: true })(name);
const asked = { model, temperature: 0, maxOutputTokens: 200, maxRetries: 0 };
const { text } = await generateText({ ...asked, prompt: '3 + 1?' });
const stream = streamText({ ...asked, prompt: '3 + 1?' });
let told = '';
for await (const piece of stream.textStream) told += piece;
assert.equal(told, text);
const schema = jsonSchema({
  type: 'object',
  properties: { city: { enum: ['Oslo', 'Rome'] }, rain: { type: 'boolean' } },
  required: ['city', 'rain'],
  additionalProperties: false,
});
const { output } = await generateText({ ...asked, prompt: 'It rains in Oslo.', output: Output.object({ schema }) });
const { toolCalls } = await generateText({
  ...asked,
  prompt: 'It rains in Oslo.',
  tools: { weather: tool({ description: 'Notes the weather.', inputSchema: schema }) },
  toolChoice: 'required',
});
assert.ok(['Oslo', 'Rome'].includes(toolCalls[0]?.input.city));
console.log(JSON.stringify({ output, call: toolCalls[0].input, tokens: (await stream.usage).totalTokens }));
