import { setTimeout as after } from 'node:timers/promises';
import { createTransport } from 'nodemailer';
import type { Env } from '../../platform/env.ts';
import { type Message, mailOf } from './message.ts';
import type { Sent } from './sent.ts';

/** Sends a message as an e-mail, whose Message-ID is the same at every attempt. */
export async function sendEmail(
  to: string,
  { id, message }: { id: string; message: Message },
  { smtpUrl, mailFrom }: Pick<Env, 'smtpUrl' | 'mailFrom'>,
  withinMs: number,
): Promise<Sent> {
  if (smtpUrl === undefined || mailFrom === undefined)
    return { is: 'failed', answer: 'MTM_SMTP_URL or MTM_MAIL_FROM is not set any more, so no e-mail can be sent.' };
  const transport = createTransport({
    url: smtpUrl,
    dnsTimeout: withinMs,
    connectionTimeout: withinMs,
    greetingTimeout: withinMs,
    socketTimeout: withinMs,
    // Nothing that users named becomes the content of a file or an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    // Each of the times above begins anew with every step.
    const tooLate = after(withinMs, null, { ref: false }).then(() => {
      throw new Error(`it did not answer within ${withinMs / 1_000} s.`);
    });
    const sending = transport.sendMail({
      from: mailFrom,
      to: { name: '', address: to },
      messageId: `<${id}@model-training-manager>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
      ...mailOf(message),
    });
    const { response } = await Promise.race([sending, tooLate]);
    return { is: 'delivered', answer: `The mail server took it: ${firstLine(response)}` };
  } catch (error) {
    const { code, response, responseCode } = error as { code?: string; response?: string; responseCode?: number };
    const said = firstLine(response ?? (error instanceof Error ? error.message : String(error)));
    // 5xx about the envelope or the message: the server says that it will say the same again.
    const isRefused = (code === 'EENVELOPE' || code === 'EMESSAGE') && (responseCode ?? 0) >= 500;
    return { is: isRefused ? 'refused' : 'failed', answer: `The mail server did not take it: ${said}` };
  } finally {
    transport.close();
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 300);
}
