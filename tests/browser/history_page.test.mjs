// Claims about the history page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage } from './browser.mjs';
import { openServices } from '../support/services.mjs';

const PAGE_ROWS = 25;
const SEEDED = 60; // two full pages, and one of ten
const MINUTE_MS = 60000;
const START_MS = Date.UTC(2026, 0, 15, 12, 0, 0);

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

const seeded = (number) => ({
  userId: number % 4 === 0 ? 'anna@example.org' : `viewer-${number % 4}`,
  video: { id: number % 3 === 0 ? 'A_short_one.mp4' : 'A_long_one.mp4' },
  viewedAt: new Date(START_MS + number * MINUTE_MS).toISOString(),
  position: 12.5,
  duration: 50,
  rule: 'played',
});

const rowsOf = (page) => page.$$eval('#rows tr', (rows) =>
  rows.map((row) => ({
    id: row.dataset.id,
    video: row.querySelector('.video').textContent,
    viewer: row.querySelector('.viewer').textContent,
    viewedAt: row.querySelector('time').dateTime,
    far: row.querySelector('.howfar').textContent,
  })));

async function openHistory(where = '/', options = {}) {
  const page = await openPage(browser, options);
  await page.goto(url + where);
  await page.waitForSelector('#sheet:not([aria-busy])');
  return page;
}

// A click, and the page of views that it leads to.
async function follow(page, selector) {
  await page.click(selector);
  await page.waitForSelector('#sheet:not([aria-busy])');
}

// The tests run in this order: the first needs an empty history.
test('an empty history says so in words', async () => {
  const page = await openHistory();
  assert.match(await page.textContent('#empty'), /No views yet/);
  assert.equal(await page.isVisible('#table'), false);
  assert.equal(await page.isVisible('#pages'), false);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a new view shows by itself, tinted, and is announced', async () => {
  const page = await openHistory();
  await page.evaluate(() => { globalThis.wasNotReloaded = true; });
  await services.addView({ ...seeded(0), userId: 'first@example.org' });
  await page.waitForSelector('#rows tr.fresh');
  assert.ok(await page.evaluate(() => globalThis.wasNotReloaded));
  assert.equal(await page.isVisible('#empty'), false);
  await page.waitForFunction(() => /1 view new/.test(
    document.querySelector('[role="status"]').textContent));
  await page.waitForSelector('#rows tr:not(.fresh)');
  await page.context().close();
});

test('a row says which video, when in local time, how far and who', async () => {
  const page = await openHistory('/', { timezoneId: 'Asia/Tokyo',
    locale: 'en-GB' });
  assert.deepEqual(await rowsOf(page), [{
    id: (await services.views())[0]._id,
    video: 'A short one',
    viewer: 'first@example.org',
    viewedAt: '2026-01-15T12:00:00.000Z',
    far: '0:12 of 0:50',
  }]);
  assert.match(await page.textContent('#rows time'), /^21:00:00 15 Jan 2026$/);
  assert.equal(await page.$eval('#rows progress', (bar) =>
    bar.value / bar.max), 0.25);
  await page.context().close();
});

test('all views are reached by Older, each once, newest first; Newest and the'
  + ' browser’s Back lead back', async () => {
  for (let number = 1; number < SEEDED; number++)
    await services.addView(seeded(number));
  const page = await openHistory();
  const seen = [await rowsOf(page)];
  assert.equal(await page.getAttribute('#newest', 'aria-disabled'), 'true');
  for (const count of [PAGE_ROWS, SEEDED - 2 * PAGE_ROWS]) {
    await follow(page, '#older');
    await page.waitForFunction((first) => document
      .querySelector('#rows tr').dataset.id !== first, seen.at(-1)[0].id);
    seen.push(await rowsOf(page));
    assert.equal(seen.at(-1).length, count);
  }
  assert.equal(await page.getAttribute('#older', 'aria-disabled'), 'true');
  const all = seen.flat();
  assert.equal(new Set(all.map((row) => row.id)).size, SEEDED);
  const times = all.map((row) => row.viewedAt);
  assert.deepEqual(times, [...times].sort().reverse());

  await page.goBack();
  await page.waitForFunction((first) => document
    .querySelector('#rows tr')?.dataset.id === first, seen[1][0].id);
  await page.reload();
  await page.waitForSelector('#rows tr');
  assert.deepEqual(await rowsOf(page), seen[1]);
  await follow(page, '#newest');
  await page.waitForFunction((first) => document
    .querySelector('#rows tr').dataset.id === first, seen[0][0].id);
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('the form filters by video and viewer, and the location says so', async () => {
  const page = await openHistory();
  await page.fill('#videoId', 'A_short_one.mp4');
  await page.fill('#userId', 'anna@example.org');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() =>
    document.querySelectorAll('#rows tr').length === 4);
  const rows = await rowsOf(page);
  for (const row of rows) {
    assert.equal(row.video, 'A short one');
    assert.equal(row.viewer, 'anna@example.org');
  }
  const query = new URL(page.url()).searchParams;
  assert.equal(query.get('videoId'), 'A_short_one.mp4');
  assert.equal(query.get('userId'), 'anna@example.org');

  await page.reload();
  await page.waitForSelector('#rows tr');
  assert.deepEqual(await rowsOf(page), rows);
  assert.equal(await page.inputValue('#videoId'), 'A_short_one.mp4');

  await follow(page, '#clear');
  await page.waitForFunction((rows_max) =>
    document.querySelectorAll('#rows tr').length === rows_max, PAGE_ROWS);
  assert.equal(new URL(page.url()).search, '');
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a filter takes what the table shows, and a row’s links filter', async () => {
  const page = await openHistory();
  await page.fill('#videoId', 'A short one');
  await follow(page, 'button[type="submit"]');
  await page.waitForFunction(() => /A_short_one\.mp4/.test(location.search));
  await follow(page, '#rows .viewer a >> text=viewer-3');
  await page.waitForFunction(() => /userId=viewer-3/.test(location.search));
  assert.ok((await rowsOf(page)).every((row) => row.viewer === 'viewer-3'));
  await page.context().close();
});

test('a filter that nothing matches says so in words', async () => {
  const page = await openHistory('/?userId=nobody');
  assert.match(await page.textContent('#empty'), /No view matches/);
  assert.match(await page.textContent('#scope'), /nobody/);
  await page.context().close();
});

test('a cursor that is none is refused in words, with a way back', async () => {
  const page = await openPage(browser);
  await page.goto(`${url}/?cursor=none`);
  await page.waitForSelector('#notice:visible');
  assert.match(await page.textContent('#notice'), /refuses this: .*cursor/);
  await follow(page, '#newest');
  await page.waitForSelector('#rows tr');
  assert.equal(await page.isVisible('#notice'), false);
  await page.context().close();
});

test('markup in a view is shown as text', async () => {
  const markup = '<img src="/x" onerror="document.title = 1"><b>bold</b>';
  await services.addView({ ...seeded(SEEDED), userId: markup,
    video: { id: markup } });
  const page = await openHistory();
  assert.equal((await rowsOf(page))[0].viewer, markup);
  assert.equal(await page.$('main img, main b'), null);
  await follow(page, '#rows .viewer a >> nth=0');
  await page.waitForFunction((text) =>
    document.querySelector('#scope').textContent.includes(text), markup);
  assert.equal(await page.$('main img, main b'), null);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('an older page stands still, and no motion is made where none is wanted',
  async () => {
    const page = await openHistory('/', { reducedMotion: 'reduce' });
    await follow(page, '#older');
    await page.waitForSelector('#live', { state: 'hidden' });
    const rows = await rowsOf(page);
    const newest = await openHistory('/', { reducedMotion: 'reduce' });
    await services.addView(seeded(SEEDED + 1));
    await newest.waitForSelector('#rows tr.fresh');
    const animations = await newest.evaluate(() =>
      document.getAnimations().length);
    assert.equal(animations, 0);
    assert.deepEqual(await rowsOf(page), rows);
    await page.context().close();
    await newest.context().close();
  });

test('a service that is away is said in words, what was shown stays, and it'
  + ' goes on by itself', async () => {
  const page = await openHistory();
  const rows = await rowsOf(page);
  await services.history.stop();
  await page.waitForSelector('#notice:visible');
  assert.match(await page.textContent('#notice'), /does not answer/);
  assert.deepEqual(await rowsOf(page), rows);
  await services.history.start();
  await services.addView(seeded(SEEDED + 2));
  await page.waitForSelector('#rows tr.fresh');
  assert.equal(await page.isVisible('#notice'), false);
  await page.context().close();
});
