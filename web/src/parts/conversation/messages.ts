/** As the API gives it: beside role and content what else the conversation has. */
export type Message = { role: string; content?: unknown } & Record<string, unknown>;
