import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';
import { putTwin } from '../support/tiny-models.ts';

const KEY = 'a-key-of-the-service';
const OPTIONS = { max_steps: 20, batch_size: 4, learning_rate: 0.01 };

/** Of a service with keys: what the page asks of OpenAI's wire is asked with the cookie of its session. */
describePage('the playground on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let page: Page;
  let id: number;
  let address: string;

  before(async () => {
    ({ service, remove } = await startTestService({ apiKeys: [KEY] }));
    await call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const jobs = jobsOf({ apiUrl: service.apiUrl, call }, await upload());
    id = await jobs.create({ name: 'Counting', ...OPTIONS });
    const { status, error_message } = await jobs.ended(id);
    assert.equal(status, 'completed', String(error_message));
    address = `/jobs/${id}/try`;
    visitor = await signedIn();
    page = visitor.page;
    page.setDefaultTimeout(30_000);
  });

  after(() => remove?.());

  const headers = { Authorization: `Bearer ${KEY}` };
  const call: TestService['call'] = (method, path, body) => service.call(method, path, body, headers);
  const answers = () => [1, 2].map((nth) => page.getByRole('article', { name: `Answer ${nth}`, exact: true }));
  const tuned = () => `job-${id}-run-1`;

  async function upload(): Promise<number> {
    const form = new FormData();
    form.set('file', new Blob([csvRows(120)]), 'rows.csv');
    form.set('name', 'rows');
    const response = await fetch(`${service.apiUrl}/api/v1/datasets/`, { method: 'POST', headers, body: form });
    return Number(((await response.json()) as { id: number }).id);
  }

  async function signedIn(look = {}): Promise<Visitor> {
    const one = await visit(new URL(service.apiUrl).origin, look);
    await one.page.goto('/');
    await one.page.getByLabel('API key').fill(KEY);
    await one.page.getByRole('button', { name: 'Sign in' }).click();
    await one.page.getByRole('heading', { name: 'Overview' }).waitFor();
    return one;
  }

  /** What a model says to the question, without the page. */
  async function said(model: string, question: string, max_tokens: number): Promise<string> {
    const response = await fetch(`${service.apiUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: question }], temperature: 0, max_tokens }),
    });
    const body = (await response.json()) as { choices: { message: { content: string } }[] };
    return body.choices[0]?.message.content ?? '';
  }

  it('is reached from a run, and takes a question from a held-out row, with the answer that it expects', async () => {
    // Leave `row` out of the address in pick (held-out-rows.tsx).
    await page.goto(`/jobs/${id}`);
    await page.getByRole('link', { name: 'Try it' }).click();
    await page.getByRole('heading', { name: 'Try Counting', level: 1 }).waitFor();
    const model = (name: string) => page.getByRole('combobox', { name, exact: true }).inputValue();
    assert.deepEqual([await model('One model'), await model('The other model')], [TINY_MODEL, tuned()]);
    assert.ok(await page.getByRole('button', { name: 'Ask both' }).isDisabled());
    const row = page.getByRole('button', { name: /^row number \d+ please$/ }).first();
    const question = (await row.textContent()) ?? '';
    await row.click();
    await page.waitForURL(/row=\d/);
    const held = (
      (await call('GET', `/jobs/${id}/mixture?part=held_out&rows=1`)).body.items as {
        messages: { content: string }[];
      }[]
    )[0];
    assert.equal(await page.getByLabel('Question').inputValue(), question);
    assert.equal(question, held?.messages[0]?.content);
    await page.getByRole('region', { name: 'Expected answer' }).getByText(String(held?.messages[1]?.content)).waitFor();
    await assertNoBarriers(visitor, 'a playground');
  });

  it('streams both answers at the same time, word for word as the models give them', async () => {
    // Leave `become` of a text out in hear (use-answer.ts): the answers stay empty.
    const question = await page.getByLabel('Question').inputValue();
    await page.getByRole('button', { name: 'How words are chosen' }).click();
    await page.getByLabel('Max tokens').fill('40');
    await page.waitForURL(/max_tokens=40/);
    await page.getByRole('button', { name: 'Ask both' }).click();
    for (const answer of answers()) await answer.getByText(/tokens? in \d/).waitFor();
    const [first, second] = await Promise.all([said(TINY_MODEL, question, 40), said(tuned(), question, 40)]);
    const texts = await Promise.all(answers().map((answer) => answer.locator('.user-text').first().textContent()));
    assert.deepEqual(texts, [first, second]);
    assert.notEqual(first, second);
    for (const [place, role] of ['Base model', 'Tuned model'].entries())
      await answers()
        [place]?.getByRole('heading', { name: new RegExp(`^Answer ${place + 1}: ${role}, `) })
        .waitFor();
    await assertNoBarriers(visitor, 'two answers');
  });

  it('shows the prompt to the character, special tokens and all', async () => {
    // Ask for another conversation in promptQuery.
    const question = await page.getByLabel('Question').inputValue();
    await page.getByRole('button', { name: 'Show the exact prompt' }).click();
    for (const model of [TINY_MODEL, tuned()]) {
      const prompt = page.getByRole('region', { name: `The exact prompt of ${model}` });
      assert.equal(await prompt.textContent(), `<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`);
    }
    await assertNoBarriers(visitor, 'exact prompts');
    await page.getByRole('button', { name: 'Hide the exact prompt' }).click();
  });

  it('keeps a vote with the run, once, and the report tells it', async () => {
    // Leave the invalidation out in useRound, and the count is not there.
    await page.getByRole('button', { name: 'Answer 2 is better' }).click();
    await page.getByText('Your vote is kept with the run.', { exact: true }).waitFor();
    const sentence = `${tuned()} against ${TINY_MODEL}: better in 1 of 1 vote, worse in 0, the same in 0.`;
    await page.getByText(sentence).waitFor();
    const { body } = await call('GET', `/jobs/${id}/votes`);
    const [vote] = body.items as Record<string, unknown>[];
    assert.equal(body.total, 1);
    assert.deepEqual(
      [vote?.left_model, vote?.right_model, vote?.better, vote?.blind],
      [TINY_MODEL, tuned(), 'right', false],
    );
    assert.deepEqual(vote?.parameters, { temperature: 0, top_p: 1, max_tokens: 40, seed: null });
    assert.ok(await page.getByRole('button', { name: 'Both the same' }).isDisabled());
    await page.goto(`/jobs/${id}?tab=report`);
    await page.getByText(sentence).waitFor();
    await page.goBack();
  });

  it('hides the names where that is asked for, until the vote', async () => {
    // Have isNamed be true in trial.tsx.
    await page.getByLabel(/^Blind/).check({ force: true });
    await page.getByLabel('Question').fill('which of you is tuned?');
    await page.getByRole('button', { name: 'Ask both' }).click();
    for (const answer of answers()) {
      await answer.getByText(/tokens? in \d/).waitFor();
      assert.match((await answer.getByRole('heading').textContent()) ?? '', /^Answer [12]$/);
    }
    await page.getByRole('button', { name: 'Both the same' }).click();
    const shown = await Promise.all(
      [TINY_MODEL, tuned()].map(async (model) => {
        const heading = page.getByRole('article').getByRole('heading', { name: model });
        return ((await heading.textContent()) ?? '').startsWith('Answer 1') ? 'left_model' : 'right_model';
      }),
    );
    const { body } = await call('GET', `/jobs/${id}/votes`);
    const [vote] = body.items as Record<string, unknown>[];
    assert.deepEqual([vote?.blind, vote?.better], [true, 'same']);
    assert.deepEqual(
      shown.map((side) => vote?.[side]),
      [TINY_MODEL, tuned()],
    );
  });

  it('stops both models, and has all but the answers after a reload', async () => {
    // Leave the abort out in stop (use-answer.ts).
    // Neither ends by itself: the likeliest word of weights that nobody trained is the same again and again.
    await page.goto(`${address}?run=1&right=${await putTwin(service.env.modelCache, 'mtm/twin')}`);
    await page.getByLabel('Question').fill('which of you is tuned?');
    await page.getByLabel(/^Blind/).check({ force: true });
    await page.getByRole('button', { name: 'How words are chosen' }).click();
    await page.getByLabel('Max tokens').fill('30000');
    await page.getByRole('button', { name: 'Ask both' }).click();
    for (const answer of answers()) await answer.getByText('It answers.').waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    for (const answer of answers()) await answer.getByText('Stopped before its end.').waitFor();
    await page.reload();
    await page.getByText('which of you is tuned?').waitFor();
    assert.equal(await page.getByLabel('Question').inputValue(), 'which of you is tuned?');
    assert.ok(await page.getByLabel(/^Blind/).isChecked());
    await page.getByRole('button', { name: 'How words are chosen' }).click();
    assert.equal(await page.getByLabel('Max tokens').inputValue(), '30000');
  });

  it('says in place of an answer why there is none, and what is wrong with a parameter', async () => {
    // Show Problem of ApiAway alone in answer-card.tsx.
    await page.goto(`${address}?run=1&right=none/such&temperature=3`);
    await page.getByRole('status').getByText('temperature is 3; it must be a number, 0 to 2.').waitFor();
    await page.goto(`${address}?run=1&right=none/such&max_tokens=8`);
    await page.getByLabel('Question').fill('what is one plus two');
    await page.getByLabel('Question').press('Control+Enter');
    const [first, second] = answers();
    await first?.getByText(/tokens? in \d/).waitFor();
    await second?.getByText('The model "none/such" does not exist.').waitFor();
    await page.getByText('There are no two answers to vote on.').waitFor();
    await assertNoBarriers(visitor, 'an answer that is refused');
  });

  it('fits a phone', async () => {
    // Give the grid of answers two columns from the beginning on (trial.tsx).
    const phone = await signedIn({ width: 390, height: 844 });
    await phone.page.goto(`${address}?run=1&row=0&max_tokens=40&prompt=shown`);
    await phone.page.getByRole('button', { name: 'Ask both' }).click();
    await phone.page
      .getByText(/tokens? in \d/)
      .nth(1)
      .waitFor();
    await phone.page.getByRole('region', { name: `The exact prompt of ${TINY_MODEL}` }).waitFor();
    const width = Number(await phone.page.evaluate('document.documentElement.scrollWidth'));
    assert.ok(width <= 390, `${width} px wide`);
    await assertNoBarriers(phone, 'a playground on a phone');
    assert.deepEqual(phone.problems(), []);
    await phone.leave();
  });

  it('has shown no error but the refusal, no warning, and asked nobody but this service', () => {
    assert.deepEqual(visitor.problems(/status of 404 .*\/v1\/chat\/completions/), []);
  });
});
