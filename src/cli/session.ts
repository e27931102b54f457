import type { Command } from 'commander';
import type { Env } from '../platform/env.ts';
import type { Client, Server } from './api/client.ts';

/** Where one listens whose MTM_PORT says nothing, or any free one. */
const USUAL_PORT = 8_000;

/** What every command is given: its settings, the service that it talks to, and its two ways to speak. */
export interface Session {
  env: Env;
  server: Server;
  client: Client;
  isJson: boolean;
  /** The answer: with --json as the API gave it, else as text. Standard output has nothing else. */
  print(answer: unknown, text: () => string): void;
  /** What is beside the answer, on standard error. */
  say(sentence: string): void;
}

interface GlobalOptions {
  json?: true;
  server?: string;
  /** What `mtm chat` called it first. */
  url?: string;
}

/**
 * An action of a command: `act` is given a session before what commander gives, which are the arguments and then the options.
 * It loads its module when it is called, so that no command waits for the modules of others.
 */
export function action<Given extends unknown[]>(act: (session: Session, ...given: Given) => Promise<void>) {
  return async (...given: unknown[]) => {
    const command = given.pop() as Command;
    const session = await openSession(command.optsWithGlobals<GlobalOptions>());
    // Commander gives what the command declares.
    await act(session, ...(given as Given));
  };
}

async function openSession({ json, server, url }: GlobalOptions): Promise<Session> {
  // Not before a command runs: help and completion are there at once.
  const [{ loadEnv }, { clientOf }] = await Promise.all([import('../platform/env.ts'), import('./api/client.ts')]);
  const env = loadEnv();
  const say = (sentence: string) => console.error(sentence);
  const named = server ?? url ?? env.server;
  const address: Server = {
    url: named?.replace(/\/+$/, '') ?? (await addressOf(env)),
    key: env.apiKey ?? env.apiKeys[0],
    isNamed: named !== undefined,
  };
  return {
    env,
    server: address,
    client: clientOf(address, oncePerSentence(say)),
    isJson: json === true,
    print: (answer, text) => console.log(json ? JSON.stringify(answer, null, 2) : text()),
    say,
  };
}

/** Of the service of this MTM_HOME, on whatever port it listens; where none is noted, where one would listen. */
async function addressOf(env: Env): Promise<string> {
  const { findService } = await import('../platform/service-file.ts');
  return (await findService(env.home))?.url ?? `http://127.0.0.1:${env.port || USUAL_PORT}`;
}

function oncePerSentence(say: (sentence: string) => void): (sentence: string) => void {
  let last = '';
  return (sentence) => {
    if (sentence !== last) say(sentence);
    last = sentence;
  };
}
