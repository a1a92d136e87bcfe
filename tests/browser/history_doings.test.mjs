// Claims about what a reader can do on the history page, and what stands beside
// the rows.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { openBrowser, openPage } from './browser.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

const HOUR_MS = 3600000;
const QUIET_MS = 5000; // more than two of the page's own questions would take
const SECRET = 'a secret of the tests, 32 bytes at least';

let services;
let browser;
let url;
before(async () => {
  services = await openServices({ historyOnly: true });
  browser = await openBrowser();
  url = services.history.url;
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

const add = (userId, id, viewedAt, more = {}) => services.addView({
  userId, video: { id }, viewedAt: new Date(viewedAt).toISOString(),
  position: 20, duration: 100, rule: 'played', ...more });

async function open(where, options = {}) {
  const page = await openPage(browser, options);
  await page.goto(url + where);
  await page.waitForSelector('#sheet:not([aria-busy])');
  return page;
}

const videosOf = (page) => page.$$eval('#rows .video', (cells) =>
  cells.map((cell) => cell.textContent));
const rowsAre = (page, count) => page.waitForFunction((wanted) =>
  document.querySelectorAll('#rows tr').length === wanted, count);

test('a view is removed and taken back by the keyboard', async () => {
  for (const hour of [1, 2, 3])
    await add('rita', `rita_${hour}.mp4`, Date.UTC(2026, 0, 1, hour));
  const page = await open('/?userId=rita');
  await page.getByRole('button', { name: /Remove the view of rita 2/ }).focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#removed:visible');
  assert.match(await page.textContent('#removed'), /Removed: rita 2/);
  await rowsAre(page, 2);
  assert.equal((await services.views({ userId: 'rita' })).length, 2);

  assert.equal(await page.evaluate(() => document.activeElement.id), 'undo');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#removed', { state: 'hidden' });
  await rowsAre(page, 3);
  assert.deepEqual(await videosOf(page), ['rita 3', 'rita 2', 'rita 1']);
  await page.waitForFunction(() => /rita 2/.test(
    document.activeElement.getAttribute('aria-label') ?? ''));
  assert.equal((await services.views({ userId: 'rita' })).length, 3);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a page that is told asks for nothing by itself, and hears of views and'
  + ' of removals', async () => {
  const page = await open('/?userId=lena');
  let asked = 0;
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/history') asked++;
  });
  await new Promise((resolve) => { setTimeout(resolve, QUIET_MS / 2); });
  asked = 0; // the beginning of the stream was one question
  await new Promise((resolve) => { setTimeout(resolve, QUIET_MS); });
  assert.equal(asked, 0);
  await add('lena', 'told.mp4', Date.now());
  await rowsAre(page, 1);
  const [{ _id: id }] = await services.views({ userId: 'lena' });
  await fetch(`${url}/history/${id}`, { method: 'DELETE' });
  await rowsAre(page, 0);
  await page.waitForSelector('#empty:visible');
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('days are the reader’s own, and both ends count', async () => {
  // Midnight in Tokyo is 15:00 UTC of the day before.
  const midnight_ms = Date.UTC(2026, 2, 9, 15);
  for (const hour of [-1, 0, 23, 24])
    await add('yuki', `hour_${hour + 1}.mp4`, midnight_ms + hour * HOUR_MS);
  const page = await open('/?userId=yuki', { timezoneId: 'Asia/Tokyo' });
  await page.fill('#from', '2026-03-10');
  await page.fill('#to', '2026-03-10');
  await page.selectOption('#order', 'asc');
  await page.click('button[type="submit"]');
  await rowsAre(page, 2);
  assert.deepEqual(await videosOf(page), ['hour 1', 'hour 24']);
  assert.match(await page.textContent('#scope'),
    /by yuki from 2026-03-10 to 2026-03-10, the oldest first/);
  await page.reload();
  await rowsAre(page, 2);
  assert.deepEqual(await videosOf(page), ['hour 1', 'hour 24']);
  assert.equal(await page.inputValue('#to'), '2026-03-10');
  assert.equal(await page.inputValue('#order'), 'asc');

  const csv = await (await fetch(await page.$eval('#csv', (link) => link.href)))
    .text();
  assert.deepEqual([...csv.matchAll(/hour_\d+/g)].map(([name]) => name),
    ['hour_1', 'hour_24']);
  await page.context().close();
});

test('beside the rows stand plays a day, the most viewed, and of a viewer the'
  + ' totals', async () => {
  const today_ms = Date.now();
  for (const [video, plays] of [['most.mp4', 3], ['less.mp4', 1]])
    for (let n = 0; n < plays; n++)
      await add('carl', video, today_ms - n * 48 * HOUR_MS);
  const page = await open('/?userId=carl');
  await page.waitForSelector('#most li');
  assert.match(await page.getAttribute('#chart', 'aria-label'),
    /^4 plays from .* to .*, at most 2 a day\.$/);
  assert.equal(await page.$$eval('#chart .bar', (bars) => bars.filter((bar) =>
    Number(bar.getAttribute('height')) > 0).length), 3);
  assert.deepEqual(await page.$$eval('#most li', (items) =>
    items.map((item) => item.textContent)), ['most3 plays', 'less1 play']);
  assert.match(await page.textContent('#total'),
    /^In all 4 views of 2 videos since /);
  await page.click('#most a >> text=less');
  await page.waitForFunction(() => /videoId=less\.mp4/.test(location.search));
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('what to continue tells how much is left, and can be left out', async () => {
  await add('dora', 'half.mp4', Date.now() - HOUR_MS);
  await add('dora', 'other.mp4', Date.now());
  const page = await open('/?userId=dora');
  await page.waitForSelector('#continued li');
  assert.match(await page.textContent('#continued'), /other.*1:20 left.*half/);
  await page.click('#continued button[aria-label="Leave half out"]');
  await page.waitForFunction(() =>
    document.querySelectorAll('#continued li').length === 1);
  assert.equal((await services.history.getJson('/continue?userId=dora'))
    .continue.length, 1);
  assert.equal((await services.views({ userId: 'dora' })).length, 2);
  await page.context().close();
});

function tokenOf(sub) {
  const part = (value) => Buffer.from(JSON.stringify(value))
    .toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ typ: 'JWT', alg: 'HS256' })}.${part({ sub, exp })}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed)
    .digest('base64url')}`;
}

test('with keys a viewer’s token shows, removes and exports what is theirs',
  async () => {
    const keys = fs.mkdtempSync(path.join(os.tmpdir(), 'flixtube-keys-'));
    fs.writeFileSync(path.join(keys, 'main.hs256'), SECRET);
    await services.history.stop();
    services.history.settings.AUTH_KEYS = keys;
    await services.history.start();
    try {
      const page = await openPage(browser);
      await page.goto(`${url}/?userId=rita`);
      await page.waitForSelector('#token:visible');
      await page.fill('#token', tokenOf('rita'));
      await page.keyboard.press('Enter');
      await rowsAre(page, 3);
      const downloaded = page.waitForEvent('download');
      await page.click('#ndjson');
      const file = await (await downloaded).path();
      assert.equal(fs.readFileSync(file, 'utf8').trim().split('\n').length, 3);
      await page.click('#rows .remove button >> nth=0');
      await rowsAre(page, 2);
      await page.click('#undo');
      await rowsAre(page, 3);
      assert.ok(!page.url().includes(tokenOf('rita').slice(0, 20)));
      await page.context().close();
    } finally {
      await services.history.stop();
      delete services.history.settings.AUTH_KEYS;
      await services.history.start();
      fs.rmSync(keys, { recursive: true, force: true });
    }
    await eventually('it answers as before', async () =>
      (await services.views({ userId: 'rita' })).length === 3);
  });
