// Claims about what the player page does when something does not work.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser, openPage } from './browser.mjs';
import {
  COUNTS_AFTER_S, openPlayer, play, playedTo, viewerOf,
} from './player.mjs';
import { openServices } from '../support/services.mjs';
import { eventually } from '../support/waiting.mjs';

let services;
let browser;
before(async () => {
  services = await openServices({
    more: { 'broken.mp4': Buffer.alloc(4096, 'no video') },
  });
  browser = await openBrowser();
}, { timeout: 120000 });
after(async () => {
  await browser?.close();
  await services?.close();
});

test('a video that cannot be played is said so in words', async () => {
  const page = await openPage(browser);
  await page.goto(`${services.streaming.url}/#broken.mp4`);
  await page.waitForSelector('#player-notice:visible');
  assert.match(await page.textContent('#player-notice'), /cannot play/);
  await page.goto(`${services.streaming.url}/#none.mp4`);
  await page.reload();
  await page.waitForSelector('#player-notice:visible');
  assert.match(await page.textContent('#player-notice'), /no video .*none\.mp4/);
  await page.waitForFunction(() => /no video/.test(
    document.querySelector('[role="status"]').textContent));
  await page.context().close();
});

test('a history that is away is said in words, and comes back by itself; what'
  + ' is watched meanwhile is in it', async () => {
  const page = await openPlayer(browser, services);
  const userId = await viewerOf(page);
  await page.waitForSelector('#history-empty:visible');
  await services.history.stop();
  await page.waitForSelector('#history-notice:visible');
  assert.match(await page.textContent('#history-notice'), /does not answer/);
  await play(page);
  await playedTo(page, COUNTS_AFTER_S + 1);
  await services.history.start();
  await page.waitForSelector('#views li');
  await page.waitForSelector('#history-notice', { state: 'hidden' });
  assert.equal((await services.views({ userId })).length, 1);
  await page.context().close();
});

test('a streaming service that is away is said in words; what was played is'
  + ' told when it answers again', async () => {
  const page = await openPlayer(browser, services);
  const userId = await viewerOf(page);
  // All of the video, so that it plays on without the service.
  await page.$eval('video', (video) => { video.preload = 'auto'; });
  await play(page);
  await playedTo(page, 1);
  await page.waitForFunction(() => {
    const { buffered, duration } = document.querySelector('video');
    return buffered.length > 0 && buffered.end(0) >= duration - 1;
  });
  await services.streaming.stop();
  await page.waitForSelector('#report-notice:visible');
  await playedTo(page, COUNTS_AFTER_S + 1);
  await services.streaming.start();
  await eventually('the view is there', async () =>
    (await services.views({ userId })).length === 1);
  await page.waitForSelector('#report-notice', { state: 'hidden' });
  await page.context().close();
});
