// Claims about watching: what plays, what counts, and where it shows.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage } from './browser.mjs';
import {
  answersOf, COUNTS_AFTER_S, openPlayer, pause, play, playedTo, ready, seek,
  timeOf, VIDEO, viewerOf,
} from './player.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

let services;
let browser;
before(async () => {
  services = await openServices();
  browser = await openBrowser();
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

test('a video plays and seeks by ranges', async () => {
  const page = await openPage(browser);
  const statuses = [];
  page.on('response', (response) => {
    if (response.url().includes('/video?')) statuses.push(response.status());
  });
  await page.goto(`${services.streaming.url}/#${VIDEO}`);
  await ready(page);
  await play(page);
  await playedTo(page, 1);
  await seek(page, 20);
  await playedTo(page, 21);
  assert.ok(statuses.length > 0);
  assert.deepEqual([...new Set(statuses)], [206]);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a page that is opened and not played adds no view', async () => {
  const page = await openPlayer(browser, services);
  await page.waitForSelector('#history-empty:visible');
  await eventually('the first report was answered', () =>
    page.evaluate(() => performance.getEntriesByType('resource')
      .some((entry) => entry.name.endsWith('/progress'))));
  const userId = await viewerOf(page);
  await page.context().close();
  await services.settle(VIDEO);
  assert.deepEqual(await services.views({ userId }), []);
});

test('a view counts after ten seconds played, shows on both pages without a'
  + ' reload, and neither a reload nor playing on adds one', async () => {
  const player = await openPlayer(browser, services);
  const answers = answersOf(player);
  const userId = await viewerOf(player);
  const history = await openPage(browser);
  await history.goto(`${services.history.url}/?userId=${userId}`);
  await history.waitForSelector('#empty:visible');
  for (const page of [player, history])
    await page.evaluate(() => { globalThis.wasNotReloaded = true; });

  await play(player);
  await playedTo(player, 5);
  await services.settle(VIDEO);
  assert.ok(await timeOf(player) < COUNTS_AFTER_S, 'the check was in time');
  assert.deepEqual(await services.views({ userId }), []);

  await history.waitForSelector('#rows tr.fresh');
  await player.waitForSelector('#views li.fresh');
  await pause(player);
  const views = await services.views({ userId });
  assert.equal(views.length, 1);
  assert.equal(views[0].video.id, VIDEO);
  assert.equal(views[0].rule, 'played');
  assert.ok(views[0].position >= COUNTS_AFTER_S);
  assert.ok(views[0].position < COUNTS_AFTER_S + 2, 'it is told promptly');
  for (const page of [player, history])
    assert.ok(await page.evaluate(() => globalThis.wasNotReloaded));
  assert.equal(await player.textContent('#count-text'), 'Counted as a view');
  const counting = answers.filter((answer) => answer.counted);
  assert.ok(counting[0].played >= COUNTS_AFTER_S);
  assert.deepEqual([...player.troubles, ...history.troubles], []);

  await player.reload();
  await ready(player);
  await seek(player, 0);
  await play(player);
  await playedTo(player, COUNTS_AFTER_S + 1);
  await pause(player);
  await eventually('the second play is told', () =>
    answers.at(-1).played > COUNTS_AFTER_S);
  assert.equal(new Set(answers.map((answer) => answer.sessionId)).size, 1);
  await services.settle(VIDEO);
  assert.equal((await services.views({ userId })).length, 1);
  await player.context().close();
  await history.context().close();
});

test('what is jumped over was not played', async () => {
  const page = await openPlayer(browser, services);
  const answers = answersOf(page);
  await play(page);
  await playedTo(page, 2);
  await seek(page, 25);
  await playedTo(page, 27);
  await pause(page);
  await eventually('the pause is told', () => answers.at(-1)?.position >= 27);
  const { played } = answers.at(-1);
  assert.ok(played > 3 && played < 6, `played ${played}`);
  const userId = await viewerOf(page);
  await services.settle(VIDEO);
  assert.deepEqual(await services.views({ userId }), []);
  await page.context().close();
});

test('what is played twice counts once', async () => {
  const page = await openPlayer(browser, services);
  const answers = answersOf(page);
  for (let times = 0; times < 3; times++) {
    await seek(page, 0);
    await play(page);
    await playedTo(page, 2);
    await pause(page);
  }
  await eventually('the last pause is told', () =>
    answers.filter((answer) => answer.position >= 2).length >= 3);
  assert.ok(answers.at(-1).played < 4, `played ${answers.at(-1).played}`);
  await page.context().close();
});

test('leaving the page tells what was played', async () => {
  const page = await openPlayer(browser, services);
  await play(page);
  await playedTo(page, 1.5);
  const beacon = page.waitForRequest((request) =>
    request.url().endsWith('/progress') && request.resourceType() === 'ping');
  await page.goto('about:blank');
  const told = (await beacon).postDataJSON();
  assert.equal(told.videoId, VIDEO);
  assert.ok(told.played > 1 && told.played < 4, `played ${told.played}`);
  await page.context().close();
});

test('the service takes what a page that ends sends', async () => {
  const page = await openPlayer(browser, services);
  await play(page);
  await playedTo(page, 9);
  // The tenth second is told by nothing but the beacon.
  const userId = await viewerOf(page);
  await page.evaluate(() => {
    globalThis.fetch = () => Promise.reject(new TypeError('away'));
  });
  await playedTo(page, COUNTS_AFTER_S + 0.5);
  assert.deepEqual(await services.views({ userId }), []);
  await page.goto('about:blank');
  await eventually('the view is there', async () =>
    (await services.views({ userId })).length === 1);
  await page.context().close();
});

test('the keyboard alone chooses a video, plays it and pauses it', async () => {
  const page = await openPlayer(browser, services, '');
  const chosen = `#${encodeURIComponent(VIDEO)}`;
  const isReached = () => page.evaluate((hash) =>
    document.activeElement.closest('#videos') !== null
    && document.activeElement.hash === hash, chosen);
  for (let steps = 0; steps < 40 && !await isReached(); steps++)
    await page.keyboard.press('Tab');
  assert.ok(await isReached(), 'Tab leads to the video');
  await page.keyboard.press('Enter');
  await page.waitForFunction((hash) => location.hash === hash, chosen);
  await playedTo(page, 1);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'player');
  await page.keyboard.press('Space');
  await page.waitForFunction(() => document.querySelector('video').paused);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
});

test('a reload goes on where one left off', async () => {
  const page = await openPlayer(browser, services);
  await seek(page, 17);
  await play(page);
  await playedTo(page, 18);
  await page.reload();
  await page.waitForSelector('#resume:visible');
  const at_s = await timeOf(page);
  assert.ok(at_s >= 17.5 && at_s < 22, `at ${at_s}`);
  await page.click('#restart');
  await page.waitForFunction(() =>
    document.querySelector('video').currentTime < 10);
  await page.context().close();
});
