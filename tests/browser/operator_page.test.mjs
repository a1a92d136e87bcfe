// Claims about the operator page.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { violationsOf } from './axe.mjs';
import { openBrowser, openPage } from './browser.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 640 };
const MARKUP = '<img src="/x" onerror="document.title = 1"><b>bold</b>';

let services;
let browser;
before(async () => {
  services = await openServices({ historyOnly: true,
    historySettings: { ADMIN_API: 'on' } });
  browser = await openBrowser();
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

const view = () => ({ userId: 'anna', video: { id: 'a.mp4' } });

async function openOperator(options = {}) {
  const page = await openPage(browser, { reducedMotion: 'reduce', ...options });
  await page.goto(`${services.history.url}/operator`);
  await page.waitForSelector('#all:visible');
  return page;
}

const saidOn = (page, words) => page.waitForFunction((text) =>
  document.querySelector('#announcer').textContent.includes(text), words);

// The queue's letters, as the service lists them.
const letters = async () =>
  (await services.history.getJson('/dead')).letters;

async function addPoison(body) {
  const count = (await letters()).length;
  await services.broker.publish(body);
  await eventually('the letter is there', async () =>
    (await letters()).length === count + 1);
}

// The tests run in this order: the first needs a queue without letters.
test('it says that all is well, and goes on by itself', async () => {
  const page = await openOperator();
  await page.waitForFunction(() =>
    document.querySelector('#verdict').textContent === 'All is well.');
  assert.equal(await page.textContent('#broker'), 'Connected');
  assert.equal(await page.textContent('#views'), '0');
  assert.match(await page.textContent('#empty'), /None/);
  assert.equal(await page.textContent('#backup'), 'none are made');
  assert.equal(await page.textContent('#drill'), 'never');
  await services.addView(view());
  await page.waitForFunction(() =>
    document.querySelector('#views').textContent === '1');
  await page.waitForFunction(() =>
    document.querySelector('#behind').textContent === '0');
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a pause stands still until it is over', async () => {
  const page = await openOperator();
  await page.getByRole('button', { name: 'Pause' }).press('Enter');
  assert.equal(await page.isVisible('#live'), false);
  const before = await page.textContent('#views');
  let asked = 0;
  page.on('request', () => { asked++; });
  await services.addView(view());
  const other = await openOperator(); // which shows it, so this one could
  await other.waitForFunction((text) =>
    document.querySelector('#views').textContent !== text, before);
  assert.equal(await page.textContent('#views'), before);
  assert.equal(asked, 0);
  await page.keyboard.press('Enter');
  await page.waitForFunction((text) =>
    document.querySelector('#views').textContent !== text, before);
  await page.context().close();
  await other.context().close();
});

test('a dead letter shows by itself, as text, and is discarded by the keyboard'
  + ' after a question', async () => {
  const page = await openOperator();
  await addPoison(MARKUP);
  await page.waitForSelector('#rows tr');
  await saidOn(page, '1 dead letter to look at');
  await page.focus('#rows summary');
  await page.keyboard.press('Enter');
  assert.equal(await page.textContent('#rows pre'), MARKUP);
  assert.equal(await page.$('main img, main b'), null);

  const discard = page.getByRole('button', { name: 'Discard…' });
  await discard.focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#sure[open]');
  assert.equal(await page.evaluate(() => document.activeElement.textContent),
    'Keep it'); // what cannot be undone is not what Enter does
  await page.keyboard.press('Escape');
  await page.waitForSelector('#sure', { state: 'hidden' });
  assert.ok(await discard.evaluate((one) => one === document.activeElement));
  assert.equal((await letters()).length, 1);

  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#empty:visible');
  await saidOn(page, '1 letter discarded.');
  assert.equal(await page.evaluate(() => document.activeElement.id),
    'letters-title');
  assert.deepEqual(await letters(), []);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a retry sends the letter to history, where it fails again and says that'
  + ' it was tried', async () => {
  await addPoison('no view');
  const page = await openOperator();
  await page.waitForSelector('#rows tr');
  assert.match(await page.textContent('#rows .tried'), /^0 /);
  await page.getByRole('button', { name: 'Retry', exact: true }).press('Enter');
  await saidOn(page, '1 letter sent to history again.');
  await eventually('it came back', async () =>
    (await letters())[0]?.retries === 1);
  await page.getByRole('button', { name: 'Look again' }).press('Enter');
  await page.waitForFunction(() =>
    document.querySelector('#rows .tried')?.textContent === '1 retry');
  await page.context().close();
});

test('a service that is away is said in words, and it goes on by itself',
  async () => {
    const page = await openOperator();
    await services.history.stop();
    await page.waitForSelector('#notice:visible');
    assert.match(await page.textContent('#notice'), /does not answer/);
    await services.history.start();
    await page.waitForSelector('#notice', { state: 'hidden' });
    await page.context().close();
  });

for (const colorScheme of ['light', 'dark']) {
  for (const [width, viewport] of Object.entries({ WIDE, NARROW })) {
    test(`no violations, ${colorScheme}, ${width}`, async () => {
      const page = await openOperator({ colorScheme, viewport });
      await page.waitForSelector('#rows tr');
      await page.click('#rows summary');
      assert.deepEqual(await violationsOf(page), []);
      const overhang_px = await page.evaluate(() =>
        document.documentElement.scrollWidth - innerWidth);
      assert.ok(overhang_px <= 0, `${overhang_px} px beyond the side`);
      await page.click('[data-act="discard"]');
      await page.waitForSelector('#sure[open]');
      assert.deepEqual(await violationsOf(page), []);
      await page.context().close();
    });
  }
}

test('with keys it takes an operator’s token, which is in no address', async () => {
  const secret = 'a secret of the tests, 32 bytes at least';
  const keys = path.join(services.folder, 'keys');
  fs.mkdirSync(keys);
  fs.writeFileSync(path.join(keys, 'main.hs256'), secret);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (claims) => {
    const body = `${part({ alg: 'HS256', kid: 'main' })}.${part({
      exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
    return `${body}.${createHmac('sha256', secret).update(body)
      .digest('base64url')}`;
  };
  await services.history.stop();
  services.history.settings.AUTH_KEYS = keys;
  await services.history.start();

  const page = await openPage(browser);
  const addresses = [];
  page.on('request', (request) => addresses.push(request.url()));
  await page.goto(`${services.history.url}/operator`);
  for (const refused of ['none', token({ sub: 'anna' })]) {
    await page.waitForSelector('#sign:visible');
    assert.equal(await page.isVisible('#all'), false);
    await page.fill('#token', refused);
    const answer = page.waitForResponse(/operator\.json/);
    await page.keyboard.press('Enter');
    assert.ok((await answer).status() >= 401);
    assert.equal(await page.inputValue('#token'), '');
  }
  await page.waitForFunction(() => document.querySelector('#notice')
    .textContent.includes('history:admin'));
  const good = token({ sub: 'op', scope: 'history:admin' });
  await page.fill('#token', good);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#rows tr');
  assert.equal(await page.isVisible('#sign'), false);
  assert.ok(addresses.every((address) => !address.includes(good)));
  await page.context().close();
});
